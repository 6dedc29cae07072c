// Follows the engine's taps: from a unit back to the image or to an earlier layer's map, and from a place forward to
// the units that see it. It knows no layer types: a step holds, for each input and axis, the number of its taps, or
// null where each unit reads the unit at its place. Maps are numbered as in the engine: 0 is the image, i layer i.
//
// On the map, all axes are followed together, so that joins add in the plane: x + conv3x3(x) counts 2 in the centre
// and 1 around it. Counts are doubles: exact below 2^53. A box is the part of a map that holds everything but zeros.

/** The place of the map that a read meets, or -1 for the nothing around it. */
export function placeOf(place, size, border) {
  if (place >= 0 && place < size) return place;
  if (border === "replicate") return place < 0 ? 0 : size - 1;
  if (border === "circular") return modulo(place, size);
  if (border === "reflect") {
    const turn = modulo(place, 2 * (size - 1) || 1);
    return Math.min(turn, 2 * (size - 1) - turn);
  }
  return -1;
}

export function modulo(a, n) {
  return ((a % n) + n) % n;
}

/** [first place, how many, step] of what a unit reads, and the weights if they are not all one. */
function readsOf(taps, unit) {
  const period = taps.reads.length;
  const phase = modulo(unit, period);
  const [first, count, step] = taps.reads[phase];
  return [first + ((unit - phase) / period) * taps.advance, count, step, taps.weights ? taps.weights[phase] : null];
}

const laidOut = new WeakMap();

/** The reads of all units of a map that meet a place, worked out once: unit u has the entries from starts[u] to
 * starts[u + 1]. Where all units read the same places, the entries of unit 0 stand for all. */
function reads(taps, size, sizeIn) {
  if (!laidOut.has(taps)) laidOut.set(taps, new Map());
  const known = laidOut.get(taps);
  const key = `${size},${sizeIn}`;
  if (!known.has(key)) known.set(key, layOut(taps, taps.advance === 0 && taps.reads.length === 1 ? 1 : size, sizeIn));
  return known.get(key);
}

function layOut(taps, size, sizeIn) {
  const starts = new Int32Array(size + 1);
  const places = [];
  const weights = [];
  for (let unit = 0; unit < size; unit++) {
    const [first, count, step, numerators] = readsOf(taps, unit);
    for (let t = 0; t < count; t++) {
      const place = placeOf(first + t * step, sizeIn, taps.border);
      const weight = numerators ? numerators[t] : 1;
      if (place < 0 || weight === 0) continue;
      places.push(place);
      weights.push(weight);
    }
    starts[unit + 1] = places.length;
  }
  return { starts, places: Int32Array.from(places), weights: Float64Array.from(weights), alike: size === 1 };
}

/** The reads of units first to last that meet a place from low to high: lists of unit, place and weight. */
function links(taps, size, sizeIn, first, last, low, high) {
  const { starts, places, weights, alike } = reads(taps, size, sizeIn);
  const found = { units: [], places: [], weights: [] };
  for (let unit = first; unit <= last; unit++) {
    const own = alike ? 0 : unit;
    for (let e = starts[own]; e < starts[own + 1]; e++) {
      if (places[e] < low || places[e] > high) continue;
      found.units.push(unit);
      found.places.push(places[e]);
      found.weights.push(weights[e]);
    }
  }
  return found;
}

/** Adds along one axis: weight times the slab at from[i] goes to the slab at to[i]. */
function moveAlong(box, axis, from, to, weights) {
  if (!from.length) return null;
  let low = to[0];
  let high = to[0];
  for (const place of to) {
    if (place < low) low = place;
    if (place > high) high = place;
  }
  const inner = product(box.n.slice(axis + 1));
  const outer = product(box.n.slice(0, axis));
  const before = box.n[axis];
  const after = high - low + 1;
  const data = new Float64Array(outer * after * inner);
  const old = box.data;
  const start = box.lo[axis];
  for (let o = 0; o < outer; o++) {
    for (let e = 0; e < from.length; e++) {
      const weight = weights[e];
      let source = (o * before + from[e] - start) * inner;
      let target = (o * after + to[e] - low) * inner;
      for (const end = source + inner; source < end; source++, target++) data[target] += weight * old[source];
    }
  }
  return { lo: replaced(box.lo, axis, low), n: replaced(box.n, axis, after), data, scale: box.scale };
}

// An interpolation weighs by fractions. A box holds whole numerators over its `scale`, so that thirds that come to a
// whole again come to exactly that; counts are divided at the end, or where the scale gets large.
const MOST_SCALE = 2 ** 24;

/** A box over another scale, a multiple of its own. */
function scaled(box, scale) {
  if (box.scale === scale) return box;
  const factor = scale / box.scale;
  return { ...box, data: box.data.map((value) => value * factor), scale };
}

/** A box of the counts themselves. */
function settled(box) {
  return !box || box.scale === 1 ? box : { ...box, data: box.data.map((value) => value / box.scale), scale: 1 };
}

function leastCommonMultiple(a, b) {
  let [one, other] = [a, b];
  while (other) [one, other] = [other, one % other];
  return (a / one) * b;
}

function product(numbers) {
  return numbers.reduce((a, b) => a * b, 1);
}

function replaced(list, at, value) {
  const copy = list.slice();
  copy[at] = value;
  return copy;
}

function range(first, count) {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** One axis of a box from a layer's units to the places of its input that they read. */
function backward(box, axis, taps, size, sizeIn) {
  const first = box.lo[axis];
  const last = first + box.n[axis] - 1;
  if (taps) {
    const found = links(taps, size, sizeIn, first, last, 0, sizeIn - 1);
    return moveAlong(box, axis, found.units, found.places, found.weights);
  }
  if (!(sizeIn === 1 && size > 1)) return box;
  const units = range(first, box.n[axis]);
  return moveAlong(box, axis, units, units.map(() => 0), units.map(() => 1));
}

/** One axis of a box from places of a layer's input to the units that read them. */
function forward(box, axis, taps, size, sizeIn) {
  const low = box.lo[axis];
  if (taps) {
    const found = links(taps, size, sizeIn, 0, size - 1, low, low + box.n[axis] - 1);
    return moveAlong(box, axis, found.places, found.units, found.weights);
  }
  if (!(sizeIn === 1 && size > 1)) return box;
  const units = range(0, size);
  return moveAlong(box, axis, units.map(() => 0), units, units.map(() => 1));
}

/** The sum of two boxes of one map; one may be missing. */
export function sum(one, other) {
  if (!one || !other) return one || other;
  if (one.scale !== other.scale) {
    const scale = leastCommonMultiple(one.scale, other.scale);
    const fits = scale <= MOST_SCALE;
    return sum(fits ? scaled(one, scale) : settled(one), fits ? scaled(other, scale) : settled(other));
  }
  if (one.lo.every((low, a) => low === other.lo[a] && one.n[a] === other.n[a])) {
    return { ...one, data: one.data.map((value, i) => value + other.data[i]) };
  }
  const lo = one.lo.map((at, a) => Math.min(at, other.lo[a]));
  const n = lo.map((at, a) => Math.max(one.lo[a] + one.n[a], other.lo[a] + other.n[a]) - at);
  const data = new Float64Array(product(n));
  for (const box of [one, other]) {
    const width = box.n[box.n.length - 1];
    const rows = box.data.length / width;
    for (let row = 0; row < rows; row++) {
      let rest = row;
      let target = 0;
      let stride = n[n.length - 1];
      for (let a = n.length - 2; a >= 0; a--) {
        target += ((rest % box.n[a]) + box.lo[a] - lo[a]) * stride;
        rest = Math.floor(rest / box.n[a]);
        stride *= n[a];
      }
      target += box.lo[n.length - 1] - lo[n.length - 1];
      for (let i = 0; i < width; i++) data[target + i] += box.data[row * width + i];
    }
  }
  return { lo, n, data, scale: one.scale };
}

function one(place) {
  return { lo: place.slice(), n: place.map(() => 1), data: Float64Array.of(1), scale: 1 };
}

/** A box through a step to (or from) its input number k, along all axes. */
function through(net, index, k, box, move) {
  const step = net.steps[index - 1];
  const sizes = net.sizes[index];
  const sizesIn = net.sizes[step.inputs[k]];
  for (let axis = sizes.length - 1; axis >= 0 && box; axis--) {
    const taps = step.reads[k][axis] === null ? null : net.taps[step.reads[k][axis]];
    box = move(box, axis, taps, sizes[axis], sizesIn[axis]);
    if (box && taps && taps.scale) box = { ...box, scale: box.scale * taps.scale };
    if (box && box.scale > MOST_SCALE) box = settled(box);
  }
  return box;
}

/** How many paths lead from each place of the map `source` to a unit of a layer: a box, or null where none does. */
export function paths(net, layer, unit, source = 0) {
  const maps = new Map([[layer, one(unit)]]);
  for (let index = layer; index > source; index--) {
    const box = maps.get(index);
    maps.delete(index);
    if (!box) continue;
    net.steps[index - 1].inputs.forEach((input, k) => {
      if (input < source) return;
      const back = through(net, index, k, box, backward);
      if (back) maps.set(input, sum(maps.get(input), back));
    });
  }
  return settled(maps.get(source) || null);
}

/** How many paths lead from a place of the map `source` to each unit of a layer: a box, or null where none does. */
export function watchers(net, layer, place, source = 0) {
  const needed = ancestors(net, layer, source);
  const maps = new Map([[source, one(place)]]);
  for (let index = source + 1; index <= layer; index++) {
    if (!needed.has(index)) continue;
    net.steps[index - 1].inputs.forEach((input, k) => {
      const box = maps.get(input);
      const on = box && through(net, index, k, box, forward);
      if (on) maps.set(index, sum(maps.get(index), on));
    });
  }
  return settled(maps.get(layer) || null);
}

/** A layer and the maps between it and the source that it depends on. */
export function ancestors(net, layer, source = 0) {
  const found = new Set([layer]);
  for (let index = layer; index > source; index--) {
    if (found.has(index)) net.steps[index - 1].inputs.forEach((input) => input >= source && found.add(input));
  }
  return found;
}

/** Whether the field of a layer on a map is known: whether every step between them says what it reads. */
export function isKnown(net, layer, source = 0) {
  return [...ancestors(net, layer, source)].every((index) => index === source || net.steps[index - 1].reads !== null);
}

// --- where a unit looks, were there no borders: one axis at a time, as the engine's fields are ------------------------

/** First and last place of the map `source` that a unit sees along one axis, maps going on without end; null: none.
 * Sets of units are sorted lists of [first, last], apart from each other. */
export function span(net, layer, unit, axis, source = 0) {
  const maps = new Map([[layer, [[unit, unit]]]]);
  for (let index = layer; index > source; index--) {
    const units = maps.get(index);
    maps.delete(index);
    if (!units) continue;
    const step = net.steps[index - 1];
    step.inputs.forEach((input, k) => {
      if (input < source) return;
      const taps = step.reads[k][axis];
      const shared = net.sizes[input][axis] === 1 && net.sizes[index][axis] > 1;
      const seen = taps !== null ? readBy(net.taps[taps], units) : shared ? [[0, 0]] : units;
      if (seen.length) maps.set(input, maps.has(input) ? merged([...maps.get(input), ...seen]) : seen);
    });
  }
  const seen = maps.get(source);
  return seen ? [seen[0][0], seen[seen.length - 1][1]] : null;
}

/** What a set of units reads. */
function readBy(taps, units) {
  const alike = taps.reads.length === 1;
  const [first, count, step] = taps.reads[0];
  if (alike && count && (taps.advance === 0 || (step === 1 && taps.advance <= count))) {
    if (taps.advance === 0) return merged(placesOf(first, count, step));
    return merged(units.map(([a, b]) => [a * taps.advance + first, b * taps.advance + first + count - 1]));
  }
  const found = [];
  for (const [a, b] of units) for (let unit = a; unit <= b; unit++) found.push(...placesOf(...readsOf(taps, unit)));
  return merged(found);
}

function placesOf(first, count, step) {
  if (!count) return [];
  if (step === 1) return [[first, first + count - 1]];
  return Array.from({ length: count }, (_, t) => [first + t * step, first + t * step]);
}

/** Intervals in order, those that overlap or touch as one. */
function merged(intervals) {
  intervals.sort((one, other) => one[0] - other[0]);
  const found = [];
  for (const [first, last] of intervals) {
    const before = found[found.length - 1];
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else found.push([first, last]);
  }
  return found;
}

// --- what is said of a unit -------------------------------------------------------------------------------------------

/** Everything about one unit: its rectangle (beyond the map too), the same clipped to the map, the counts there, how
 * many places of the clipped rectangle are read, and of how many. Null along all axes where it sees nothing. */
export function view(net, layer, unit, source = 0) {
  const sizes = net.sizes[source];
  const found = { layer, unit, source, known: isKnown(net, layer, source), spans: null, inside: null, counts: null };
  if (!found.known) return found;
  const spans = sizes.map((_, axis) => span(net, layer, unit[axis], axis, source));
  if (spans.some((each) => each === null)) return found;
  const inside = spans.map(([first, last], a) => [Math.max(first, 0), Math.min(last, sizes[a] - 1)]);
  found.spans = spans;
  if (inside.some(([first, last]) => first > last)) return found;
  found.inside = inside;
  found.of = product(inside.map(([first, last]) => last - first + 1));
  found.counts = paths(net, layer, unit, source);
  found.read = found.counts ? countOf(found.counts) : 0;
  return found;
}

/** How many places of a box are not zero. */
export function countOf(box) {
  let count = 0;
  for (const value of box.data) if (value !== 0) count++;
  return count;
}

/** First and last place along each axis of a box that are not zero. */
export function boundsOf(box) {
  const low = box.n.map(() => Infinity);
  const high = box.n.map(() => -Infinity);
  for (let i = 0; i < box.data.length; i++) {
    if (box.data[i] === 0) continue;
    let rest = i;
    for (let a = box.n.length - 1; a >= 0; a--) {
      const at = box.lo[a] + (rest % box.n[a]);
      rest = Math.floor(rest / box.n[a]);
      if (at < low[a]) low[a] = at;
      if (at > high[a]) high[a] = at;
    }
  }
  return low.map((first, a) => [first, high[a]]);
}

/** The value of a box at a place of its map. */
export function at(box, place) {
  let index = 0;
  for (let a = 0; a < place.length; a++) {
    const i = place[a] - box.lo[a];
    if (i < 0 || i >= box.n[a]) return 0;
    index = index * box.n[a] + i;
  }
  return box.data[index];
}
