// Colours of counts: viridis, seventeen stops of it, straight lines between; distinct in greyscale and for the
// colour-blind.
const STOPS = [
  [68, 1, 84], [72, 24, 106], [71, 45, 123], [66, 64, 134], [59, 82, 139], [51, 99, 141],
  [44, 114, 142], [38, 130, 142], [33, 145, 140], [31, 160, 136], [40, 174, 128], [63, 188, 115],
  [94, 201, 98], [132, 212, 75], [173, 220, 48], [216, 226, 25], [253, 231, 37],
];

/** 256 colours as [red, green, blue]. */
export const VIRIDIS = Array.from({ length: 256 }, (_, i) => {
  const at = (i / 255) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[low].map((from, c) => Math.round(from + (STOPS[low + 1][c] - from) * (at - low)));
});

export function rgb(colour) {
  const value = parseInt(colour.trim().slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** What is shown of a unit's counts: the rectangle that it sees and all that it reads, on the two drawn axes; of three
 * axes in one plane. `inside` tells for each place whether it lies within the rectangle, where a zero is a hole. */
export function shownOf(found, plane) {
  const { counts, inside } = found;
  const axes = counts.n.length;
  const lo = counts.lo.map((low, a) => Math.min(low, inside[a][0]));
  const hi = counts.lo.map((low, a) => Math.max(low + counts.n[a] - 1, inside[a][1]));
  const [top, left] = axes > 1 ? lo.slice(-2) : [0, lo[0]];
  const [rows, columns] = axes > 1 ? [hi[axes - 2] - top + 1, hi[axes - 1] - left + 1] : [1, hi[0] - left + 1];
  const data = new Float64Array(rows * columns);
  const within = new Uint8Array(rows * columns);
  const holds = axes < 3 || (plane >= inside[0][0] && plane <= inside[0][1]);
  const [tops, lefts] = axes > 1 ? inside.slice(-2) : [[0, 0], inside[0]];
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    const counted = rowOf(counts, axes === 3 ? [plane, top + row] : axes === 2 ? [top + row] : []);
    if (counted) data.set(counted, start + counts.lo[axes - 1] - left);
    const tall = holds && top + row >= tops[0] && top + row <= tops[1];
    if (tall) within.fill(1, start + lefts[0] - left, start + lefts[1] - left + 1);
  }
  return { top, left, rows, columns, data, within };
}

/** The values of a box along its last axis at places of the axes before; null where it has none. */
function rowOf(box, places) {
  let index = 0;
  for (let a = 0; a < places.length; a++) {
    const i = places[a] - box.lo[a];
    if (i < 0 || i >= box.n[a]) return null;
    index = index * box.n[a] + i;
  }
  const width = box.n[box.n.length - 1];
  return box.data.subarray(index * width, (index + 1) * width);
}

/** Paints what a unit reads into a canvas, a pixel for a place: counts, or that it is read; holes are grey. */
export function paint(canvas, shown, most, kind, tint, grey) {
  canvas.width = shown.columns;
  canvas.height = shown.rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(shown.columns, shown.rows);
  const pixels = new Uint32Array(image.data.buffer);
  const packed = ([r, g, b], alpha) => (alpha << 24) | (b << 16) | (g << 8) | r;
  const scale = kind === "paths" ? VIRIDIS.map((colour) => packed(colour, 225)) : [packed(tint, 120)];
  const hole = packed(grey, 110);
  for (let i = 0; i < shown.data.length; i++) {
    const value = shown.data[i];
    if (value === 0) pixels[i] = shown.within[i] ? hole : 0;
    else if (kind === "paths") pixels[i] = scale[Number.isFinite(most) ? Math.floor((value / most) * 255.999) : 255];
    else pixels[i] = scale[0];
  }
  context.putImageData(image, 0, 0);
}

export function largest(box) {
  let most = 0;
  for (const value of box.data) if (value > most) most = value;
  return most;
}

export function smallest(box) {
  let least = Infinity;
  for (const value of box.data) if (value > 0 && value < least) least = value;
  return least;
}
