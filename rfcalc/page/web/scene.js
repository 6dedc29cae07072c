// What is drawn of the current state: the unit's view on the plane, the map of its layer, the sentence on it. It runs
// on every move of the pointer, so it touches the few elements that change, and remembers what does not.
import { at, countOf, boundsOf, isKnown, view, watchers } from "./follow.js";
import { backdrop, colours, frameOf, heat, overlay } from "./plane.js";
import { samePin } from "./state.js";
import { drawMap } from "./unitmap.js";
import { AXES, count, readout, wholeField } from "./words.js";

const views = new Map();
const MOST_VIEWS = 64;

/** A unit's view, kept: pins are drawn again with every move. */
export function viewOf(nets, unit, source) {
  const key = `${unit.net}/${unit.layer}/${unit.unit}/${source}`;
  if (!views.has(key)) {
    if (views.size >= MOST_VIEWS) views.delete(views.keys().next().value);
    views.set(key, view(nets[unit.net], unit.layer, unit.unit, source));
  }
  return views.get(key);
}

const frames = new Map();

/** Forgets all units: the networks are others now. */
export function forget() {
  views.clear();
  frames.clear();
}

function frameFor(nets, unit, source) {
  const key = `${unit.net}/${unit.layer}/${source}`;
  if (!frames.has(key)) {
    const net = nets[unit.net];
    const known = isKnown(net, unit.layer, source);
    frames.set(key, known ? frameOf(net, unit.layer, source) : frameOf(net, source, source));
  }
  return frames.get(key);
}

/** The map on which fields are shown: the chosen earlier layer's where it comes before the unit's layer. */
export function sourceOf(state, unit) {
  return unit.net === state.net && state.from < unit.layer ? state.from : 0;
}

/** The plane of three axes that is shown: the chosen one, or the middle of what the unit sees. */
export function planeShown(state, sizes, found) {
  if (sizes.length < 3) return 0;
  if (state.plane !== null && state.plane < sizes[0]) return state.plane;
  return found.inside ? (found.inside[0][0] + found.inside[0][1]) >> 1 : sizes[0] >> 1;
}

/** Everything that is seen of a state and of what the pointer is over. */
export function sceneOf(nets, state, hover) {
  const current = hover || { net: state.net, layer: state.layer, unit: state.unit };
  const source = sourceOf(state, current);
  const sizes = nets[current.net].sizes[source];
  const found = viewOf(nets, current, source);
  const alike = (pin) => pin.net === current.net || (!source && nets[pin.net].sizes[0].join() === sizes.join());
  const pins = state.pins
    .map((pin, n) => ({ pin, n }))
    .filter(({ pin }) => alike(pin) && pin.layer > source)
    .map(({ pin, n }) => ({ pin, n, found: viewOf(nets, pin, source) }));
  const own = pins.find(({ pin }) => samePin(pin, current));
  const n = own ? own.n : state.pins.length;
  const fields = own ? [...pins.filter((each) => each !== own), own] : [...pins, { found, n }];
  return { current, source, sizes, found, pins, fields, n, plane: planeShown(state, sizes, found) };
}

/** The units that see the chosen place: their box, and the sentence on it; null where no place is chosen. */
export function seeing(nets, state, scene) {
  const { current, source } = scene;
  if (!state.pixel || state.pixel.length !== scene.sizes.length) return null;
  const net = nets[current.net];
  const what = `${source ? `unit ${state.pixel} of ${net.names[source]}` : `pixel ${state.pixel}`}`;
  if (!isKnown(net, current.layer, source)) return { box: null, text: `${what}: unknown which units see it` };
  const box = watchers(net, current.layer, state.pixel, source);
  const all = net.sizes[current.layer].reduce((a, b) => a * b, 1);
  if (!box) return { box, text: `${what} is seen by no unit of ${net.names[current.layer]}` };
  const sides = boundsOf(box).map(([first, last], a) => `${AXES[box.n.length][a]} ${first}-${last}`).join(", ");
  const paths = net.counted[current.layer] ? at(box, current.unit) : null;
  const from = paths === null ? "" : `; ${count(paths)} ${paths === 1 ? "path" : "paths"} to unit ${current.unit}`;
  return { box, text: `${what} is seen by ${countOf(box)} of ${all} units of ${net.names[current.layer]}: ${sides}${from}` };
}

/** Draws a scene into its elements. */
export function draw(nets, state, scene, elements, ownImage) {
  const look = colours();
  const { current, source, sizes, found } = scene;
  const frame = frameFor(nets, current, source);
  const { plane, back, front, canvas, map } = elements;
  const key = [sizes, frame.left, frame.top, frame.width, frame.height, ownImage, look.paper].join();
  if (back.dataset.key !== key) {
    back.dataset.key = key;
    plane.style.aspectRatio = `${frame.width} / ${frame.height}`;
    plane.style.setProperty("--ratio", frame.width / frame.height);
    for (const svg of [back, front]) svg.setAttribute("viewBox", `${frame.left} ${frame.top} ${frame.width} ${frame.height}`);
    back.replaceChildren(...backdrop(sizes, frame, look, ownImage));
    // enlarged, a place is a square; reduced, places are averaged
    canvas.style.imageRendering = plane.clientWidth >= frame.width ? "pixelated" : "auto";
  }
  const kind = state.heat === "paths" && !nets[current.net].counted[current.layer] ? "reads" : state.heat;
  const shown = heat(canvas, found, sizes, frame, kind, look, scene.n, scene.plane);
  const pixel = state.pixel && state.pixel.length === sizes.length ? state.pixel : null;
  front.replaceChildren(...overlay(sizes, frame, look, scene.fields, pixel));
  const seen = seeing(nets, state, scene);
  const marks = scene.pins.filter(({ pin }) => pin.net === current.net && pin.layer === current.layer);
  const chosen = marks.map(({ pin, n }) => ({ unit: pin.unit, n }));
  drawMap(map, nets[current.net].sizes[current.layer], look, current.unit, chosen, seen && seen.box);
  return { frame, shown, kind, seen, look };
}

/** The sentence on the current unit, and what is said beside it. */
export function saidOf(nets, scene) {
  const net = nets[scene.current.net];
  const status = net.status[scene.current.layer];
  const doubt = /^(upper bound|unknown)/.test(status) ? ` ${status.replace(/^unknown /, "").replace(/^upper.*/, "($&)")}` : "";
  return [readout(net, net.names, scene.found) + doubt, wholeField(net, scene.found)];
}
