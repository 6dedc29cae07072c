// The image plane: the image or an earlier layer's map, and on it what units see. Everything is drawn in places of that
// map; the heat lies in a canvas below the lines. One function builds the lines for the page and for the exported file.
import { largest, paint, rgb, shownOf } from "./heat.js";
import { span } from "./follow.js";

const SVG = "http://www.w3.org/2000/svg";
const STRIP = 1 / 14; // a map of one axis is drawn as a strip, this much of its length high
const ROOM = 0.5; // of the map's size is shown around it, at most
const DASHES = ["", "5 2", "1.5 2", "6 2 1.5 2", "9 3", "4 1.5 1.5 1.5"]; // as in the plots

/** Rows and columns of a map as they are drawn. */
export function flatSizes(sizes) {
  return sizes.length > 1 ? sizes.slice(-2) : [Math.max(1, sizes[0] * STRIP), sizes[0]];
}

/** A span on the two drawn axes: [[top, bottom], [left, right]], the last places included. */
function flatSpans(spans, sizes) {
  return spans.length > 1 ? spans.slice(-2) : [[0, flatSizes(sizes)[0] - 1], spans[0]];
}

/** The part that is shown, the same for all units of a layer: the map, and around it as far as they look, in bounds. */
export function frameOf(net, layer, source) {
  const sizes = net.sizes[source];
  const [height, width] = flatSizes(sizes);
  const most = Math.max(height, width);
  const sides = sizes.map((_, axis) => {
    const ends = [0, net.sizes[layer][axis] - 1].map((unit) => span(net, layer, unit, axis, source)).filter(Boolean);
    return [Math.min(0, ...ends.map((s) => s[0])), Math.max(sizes[axis] - 1, ...ends.map((s) => s[1]))];
  });
  const [rows, columns] = flatSpans(sides, sizes);
  const edge = most * 0.03;
  const top = Math.max(rows[0], -most * ROOM) - edge;
  const left = Math.max(columns[0], -most * ROOM) - edge;
  const bottom = Math.min(rows[1] + 1, height + most * ROOM) + edge;
  const right = Math.min(columns[1] + 1, width + most * ROOM) + edge;
  return { top, left, width: right - left, height: bottom - top };
}

export function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The colours in use, read from the page's variables. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  const series = [0, 1, 2, 3, 4, 5].map((i) => get(`series-${i}`));
  return { paper: get("paper"), ink: get("ink"), muted: get("muted"), rule: get("rule"), frame: get("frame"), accent: get("accent"), series };
}

/** The map itself: its surface, the user's image, a grid of its places. */
export function backdrop(sizes, frame, look, ownImage) {
  const [height, width] = flatSizes(sizes);
  const step = Math.max(height, width) <= 64 ? 1 : Math.max(height, width) <= 512 ? 8 : 64;
  const thin = Math.max(frame.width, frame.height) / 1200;
  const lines = [];
  for (let x = 0; x <= width; x += step) lines.push(`M${x},0V${height}`);
  if (sizes.length > 1) for (let y = 0; y <= height; y += step) lines.push(`M0,${y}H${width}`);
  const parts = [element("rect", { x: 0, y: 0, width, height, fill: look.frame })];
  const image = { href: ownImage, x: 0, y: 0, width, height, preserveAspectRatio: "none" };
  if (ownImage) parts.push(element("image", image));
  else parts.push(element("path", { d: lines.join(""), stroke: look.rule, "stroke-width": thin, fill: "none" }));
  return parts;
}

/** The outline of one unit's field, hatched where it lies outside the map. */
function outline(found, sizes, frame, look, n, pattern) {
  const [height, width] = flatSizes(sizes);
  const [rows, columns] = flatSpans(found.spans, sizes);
  const unit = Math.max(frame.width, frame.height) / 420;
  const [x, y] = [columns[0], rows[0]];
  const [w, h] = [columns[1] + 1 - x, rows[1] + 1 - y];
  const outer = `M${x},${y}h${w}v${h}h${-w}z`;
  const [x0, y0] = [Math.min(Math.max(0, x), x + w), Math.min(Math.max(0, y), y + h)];
  const [x1, y1] = [Math.max(Math.min(width, x + w), x0), Math.max(Math.min(height, y + h), y0)];
  const hole = found.inside ? `M${x0},${y0}V${y1}H${x1}V${y0}z` : "";
  const colour = look.series[n % look.series.length];
  const dash = DASHES[n % DASHES.length].split(" ").filter(Boolean).map((d) => d * unit).join(" ");
  const line = { d: outer, fill: "none", "stroke-linejoin": "miter" };
  return [
    element("path", { d: outer + hole, fill: `url(#${pattern})`, "fill-rule": "evenodd" }),
    element("path", { ...line, stroke: look.paper, "stroke-width": 4 * unit, "stroke-opacity": 0.8 }),
    element("path", { ...line, stroke: colour, "stroke-width": 1.8 * unit, "stroke-dasharray": dash }),
  ];
}

function hatch(id, colour, unit) {
  const size = 5 * unit;
  const lines = element("path", { d: `M0,${size}L${size},0`, stroke: colour, "stroke-width": 0.9 * unit });
  return element("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" }, lines);
}

/** All lines over the heat: the map's border, the pinned fields, the current one, and the chosen place. */
export function overlay(sizes, frame, look, fields, pixel) {
  const [height, width] = flatSizes(sizes);
  const unit = Math.max(frame.width, frame.height) / 420;
  const shown = fields.filter(({ found }) => found.spans);
  const patterns = shown.map(({ n }) => hatch(`hatch-${n}`, look.series[n % look.series.length], unit));
  const border = { x: 0, y: 0, width, height, fill: "none", stroke: look.ink, "stroke-width": unit };
  const parts = [element("defs", {}, ...patterns), element("rect", border)];
  for (const { found, n } of shown) parts.push(...outline(found, sizes, frame, look, n, `hatch-${n}`));
  if (pixel) parts.push(...marker(pixel, sizes, unit, look));
  return parts;
}

function marker(pixel, sizes, unit, look) {
  const [y, x] = pixel.length > 1 ? pixel.slice(-2) : [0, pixel[0]];
  const tall = pixel.length > 1 ? 1 : flatSizes(sizes)[0];
  const centre = { cx: x + 0.5, cy: y + tall / 2, r: Math.max(7 * unit, 0.9), fill: "none" };
  const cell = { x, y, width: 1, height: tall, fill: look.ink };
  return [
    element("rect", cell),
    element("circle", { ...centre, stroke: look.paper, "stroke-width": 4 * unit }),
    element("circle", { ...centre, stroke: look.ink, "stroke-width": 1.8 * unit }),
  ];
}

/** Paints the heat of a unit and puts the canvas where it belongs; returns what is shown, null where nothing is. */
export function heat(canvas, found, sizes, frame, kind, look, n, plane) {
  canvas.hidden = kind === "none" || !found.counts || !found.inside;
  if (canvas.hidden) return null;
  const most = largest(found.counts);
  const shown = shownOf(found, plane);
  paint(canvas, shown, most, kind, rgb(look.series[n % look.series.length]), rgb(look.muted));
  const tall = sizes.length > 1 ? shown.rows : flatSizes(sizes)[0];
  const box = { x: shown.left, y: shown.top, width: shown.columns, height: tall };
  canvas.style.left = `${(100 * (box.x - frame.left)) / frame.width}%`;
  canvas.style.top = `${(100 * (box.y - frame.top)) / frame.height}%`;
  canvas.style.width = `${(100 * box.width) / frame.width}%`;
  canvas.style.height = `${(100 * box.height) / frame.height}%`;
  return { ...box, most };
}

/** The place of the map under the pointer, or null beside it. */
export function placeAt(frame, sizes, shareX, shareY, plane) {
  const [height, width] = flatSizes(sizes);
  const x = Math.floor(frame.left + shareX * frame.width);
  const y = frame.top + shareY * frame.height;
  if (x < 0 || x >= width || y < 0 || y >= height) return null;
  if (sizes.length === 1) return [x];
  return sizes.length === 2 ? [Math.floor(y), x] : [plane, Math.floor(y), x];
}
