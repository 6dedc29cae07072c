// The page comes with its drawing and tables; this makes them answer. State changes redraw the panel (preact); moves of
// the pointer only redraw the scene, once a frame.
import { html, render } from "./vendor/htm-preact.js";
import { VIRIDIS } from "./heat.js";
import { copy, imageOf, save, svgText } from "./output.js";
import { Legend, Panel, Tools } from "./panel.js";
import { colours, element, placeAt } from "./plane.js";
import { draw, forget, saidOf, sceneOf } from "./scene.js";
import { alike, centre, fragment, initial, layerState, parsed, samePin, toggled } from "./state.js";
import { unitAt } from "./unitmap.js";

const TOLD = 2500; // milliseconds that a message stays

let nets = [];
let state = null;
let wished = ""; // what was chosen, as a fragment: it comes back with the layers that it names
let hover = null;
let ownImage = null;
let scene = null;
let drawn = null;
let told = "";
let waiting = false;
const elements = {};

// --- state and drawing ------------------------------------------------------------------------------------------------

function set(changes) {
  put(changes);
  wished = fragment(nets, state);
}

function put(changes) {
  state = { ...state, ...changes };
  hover = null;
  scene = sceneOf(nets, state, null);
  renderAll();
  redraw();
  mark();
  write();
}

function renderAll() {
  const look = colours();
  const panel = html`<${Panel} nets=${nets} state=${state} scene=${scene} look=${look} act=${act} elements=${elements}
    begin=${begin} />`;
  render(panel, document.getElementById("view"));
  renderTools();
}

function netsOf(data) {
  return data.explore.map((each, i) => {
    const { name, layers } = data.networks[i];
    const counted = [true, ...each.steps.map((step) => step.counted)];
    const status = ["exact", ...layers.map((layer) => layer.status)];
    return { ...each, title: name, names: ["input", ...layers.map((layer) => layer.name)], counted, status };
  });
}

/** Follows these networks from now on: the page's data, whose drawings and tables stand in it. */
export function show(data) {
  const first = nets.length === 0;
  nets = netsOf(data);
  forget();
  state = initial(nets);
  if (first) furnish();
  for (const graph of document.querySelectorAll("svg.chart, svg.graph")) graph.classList.add("live");
  put(parsed(nets, first ? location.hash : wished, state));
  if (first) wished = fragment(nets, state);
}

/** What stays as it is: the boxes to tick, the colours of counts. */
function furnish() {
  ramp();
  toggle("rowtools", "folded", "hide layers that change nothing");
  toggle("fits", "fit", "fit to width");
}

function renderTools() {
  render(html`<${Tools} net=${nets[state.net]} act=${act} said=${told} />`, document.getElementById("tools"));
}

function redraw() {
  if (!elements.map) return;
  scene = sceneOf(nets, state, hover);
  drawn = draw(nets, state, scene, elements, ownImage);
  const [sentence, more] = saidOf(nets, scene);
  document.getElementById("readout").textContent = sentence;
  document.getElementById("hint").textContent = more;
  document.getElementById("pixel").textContent = drawn.seen ? drawn.seen.text : "";
  render(html`<${Legend} scene=${scene} drawn=${drawn} />`, document.getElementById("legend"));
}

/** Draws before the next frame, however many moves there were. */
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    redraw();
  });
}

function point(to) {
  if (JSON.stringify(to) === JSON.stringify(hover)) return;
  hover = to;
  soon();
}

let addressed = "";

function write() {
  if (location.protocol === "about:") return; // within a notebook: the frame has no address of its own
  addressed = `#${fragment(nets, state)}`;
  if (location.hash !== addressed) window.history.replaceState(null, "", addressed);
}

function tell(text) {
  told = text;
  renderTools();
  setTimeout(() => {
    if (told !== text) return;
    told = "";
    renderTools();
  }, TOLD);
}

// --- what can be done -------------------------------------------------------------------------------------------------

function choose(net, layer) {
  const old = nets[state.net];
  const same = net === state.net && nets[net].sizes[layer].length === old.sizes[state.layer].length;
  const unit = same ? alike(old, state.layer, state.unit, layer) : centre(nets[net], layer);
  set({ net, layer, unit, from: net === state.net ? state.from : 0, pixel: net === state.net ? state.pixel : null });
}

function current() {
  return { net: state.net, layer: state.layer, unit: state.unit };
}

const act = {
  network: (net) => set({ net, ...layerState(nets[net], nets[net].start), from: 0, pixel: null, plane: null }),
  layer: (layer) => choose(state.net, layer),
  from: (from) => set({ from, pixel: null, plane: null }),
  heat: (heat) => set({ heat }),
  plane: (plane) => set({ plane }),
  unitPlane: (plane) => set({ unit: [plane, ...state.unit.slice(1)], plane: null }),
  pin: () => set({ pins: toggled(state.pins, current()) }),
  unpin: (pin) => set({ pins: state.pins.filter((each) => !samePin(each, pin)) }),
  unpinAll: () => set({ pins: [] }),
  choosePin: (pin) => set({ net: pin.net, layer: pin.layer, unit: pin.unit, from: pin.net === state.net ? state.from : 0 }),
  hasImage: () => ownImage !== null,
  ownImage: async (file) => {
    if (!file) return;
    const found = await imageOf(file);
    if (found === null) return tell(`${file.name} is no image`);
    ownImage = found;
    set({});
  },
  noImage: () => {
    ownImage = null;
    set({});
  },
  copyYaml: async () => tell((await copy(nets[state.net].yaml)) ? "YAML copied" : "the browser refused"),
  copyMarkdown: async () => tell((await copy(nets[state.net].markdown)) ? "Markdown copied" : "the browser refused"),
  exportSvg: () => {
    redraw();
    save(svgText(scene, drawn, elements.canvas, ownImage, state, sentences()), `${fileName()}.svg`);
  },
};

/** What stands below an exported view: each field in its colour. */
function sentences() {
  const { series } = drawn.look;
  const each = scene.fields.map(({ found, n, pin }) => {
    const unit = pin || scene.current;
    const said = saidOf(nets, { current: unit, found }).filter(Boolean).join("; ");
    return { text: said, colour: series[n % series.length] };
  });
  return drawn.seen ? [...each, { text: drawn.seen.text }] : each;
}

function fileName() {
  return `${nets[state.net].title}-${nets[state.net].names[state.layer]}`.replace(/[^\w.-]+/g, "_");
}

// --- the drawing, the curves and the tables ---------------------------------------------------------------------------

function netOf(target) {
  return Number(target.closest("[data-net]").dataset.net);
}

function layersOf(target) {
  return target.dataset.row.split(" ").map(Number);
}

/** A click on what stands for several layers takes the next one. */
function chooseAt(target) {
  const layers = layersOf(target);
  const net = netOf(target);
  const at = net === state.net ? layers.indexOf(state.layer) : -1;
  choose(net, layers[(at + 1) % layers.length]);
}

function hoverAt(target) {
  const layer = layersOf(target)[0];
  const net = netOf(target);
  if (net === state.net && layer === state.layer) return point(null);
  const here = nets[net];
  const alikeMaps = net === state.net && here.sizes[layer].length === state.unit.length;
  point({ net, layer, unit: alikeMaps ? alike(here, state.layer, state.unit, layer) : centre(here, layer) });
}

/** Shows which box, column and row belong to the chosen layer. */
function mark() {
  for (const each of document.querySelectorAll(".chosen")) {
    each.classList.remove("chosen");
    each.removeAttribute("aria-current");
  }
  for (const each of document.querySelectorAll(`[data-net="${state.net}"] [data-row]`)) {
    const held = (each.dataset.rows || each.dataset.row).split(" ").map(Number);
    if (!held.includes(state.layer)) continue;
    each.classList.add("chosen");
    each.setAttribute("aria-current", "true");
    if (each.classList.contains("box")) reveal(each);
  }
}

/** Scrolls a box into its own pane, and nothing else. */
function reveal(box) {
  const pane = box.closest(".pane");
  const [outer, inner] = [pane.getBoundingClientRect(), box.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom) pane.scrollTop += inner.top - outer.top - outer.height / 3;
  if (inner.left < outer.left || inner.right > outer.right) pane.scrollLeft += inner.left - outer.left - outer.width / 3;
}

/** The arithmetic of a row, below it, or no more. */
function toggleSums(button) {
  const row = button.closest("tr");
  const open = row.nextElementSibling;
  button.setAttribute("aria-expanded", String(!(open && open.classList.contains("worked"))));
  if (open && open.classList.contains("worked")) return open.remove();
  const cell = document.createElement("td");
  cell.colSpan = row.closest("table").tHead.rows[0].cells.length;
  const text = document.createElement("pre");
  text.textContent = nets[netOf(row)].sums[Number(row.dataset.row) - 1];
  cell.append(text);
  const line = document.createElement("tr");
  line.className = "worked";
  line.append(cell);
  row.after(line);
}

document.addEventListener("click", (event) => {
  const sums = event.target.closest("button.sum");
  if (sums) return toggleSums(sums);
  const link = event.target.closest('a[href^="#"]');
  if (link) {
    event.preventDefault();
    return follow(link.getAttribute("href"));
  }
  const target = event.target.closest("[data-row]");
  if (target) chooseAt(target);
});

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const target = event.target.closest("[data-row]");
  if (target) hoverAt(target);
  else if (hover && !event.target.closest("#map")) point(null);
});

function follow(text) {
  const { pins, ...changes } = parsed(nets, text, state);
  set(changes);
  document.getElementById("seen").scrollIntoView({ block: "nearest" });
}

window.addEventListener("hashchange", () => {
  if (nets.length && location.hash !== addressed) set(parsed(nets, location.hash, state));
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => nets.length && put({}));
window.addEventListener("beforeprint", () => redraw());

// --- keys -------------------------------------------------------------------------------------------------------------

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** A place moved along the last two axes, within its map. */
function moved(place, sizes, [down, right]) {
  const found = place.slice();
  const columns = place.length - 1;
  const by = (axis, steps) => Math.min(sizes[axis] - 1, Math.max(0, found[axis] + steps));
  if (columns > 0) found[columns - 1] = by(columns - 1, down);
  found[columns] = by(columns, right);
  return found;
}

function mapKey(event) {
  const arrow = ARROWS[event.key];
  if (arrow) set({ unit: moved(state.unit, nets[state.net].sizes[state.layer], arrow) });
  else if (event.key === "Enter" || event.key === " ") act.pin();
  else return false;
  return true;
}

function planeKey(event) {
  const arrow = ARROWS[event.key];
  if (!arrow) return false;
  const start = scene.sizes.map((size, axis) => (axis === 0 && scene.sizes.length === 3 ? scene.plane : size >> 1));
  set({ pixel: state.pixel ? moved(state.pixel, scene.sizes, arrow) : start });
  return true;
}

function graphKey(event, graph) {
  const boxes = [...graph.querySelectorAll(".box[data-row]")];
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return false;
  const at = boxes.findIndex((box) => box.classList.contains("chosen"));
  chooseAt(boxes[Math.min(boxes.length - 1, Math.max(0, at + step))]);
  return true;
}

function pageKey(event) {
  const last = nets[state.net].names.length - 1;
  if (event.key === "j") choose(state.net, Math.min(last, state.layer + 1));
  else if (event.key === "k") choose(state.net, Math.max(1, state.layer - 1));
  else if (event.key === "p") act.pin();
  else if (event.key === "Escape") set(state.pixel ? { pixel: null } : { pins: [] });
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (!nets.length) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, [contenteditable]")) return;
  const graph = event.target.closest("svg.graph");
  const own =
    (event.target.closest("#map") && mapKey(event)) ||
    (event.target.closest("#plane") && planeKey(event)) ||
    (graph && graphKey(event, graph));
  if (own || pageKey(event)) event.preventDefault();
});

// --- the pointer on map and plane -------------------------------------------------------------------------------------

function shares(event, target) {
  const box = target.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function unitUnder(event) {
  return unitAt(nets[state.net].sizes[state.layer], ...shares(event, elements.map), state.unit[0]);
}

/** Moving shows a unit, dragging keeps the last one, a click pins it. */
function watchMap(map) {
  let dragged = null;
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    dragged = { from: unitUnder(event), far: false };
  });
  map.addEventListener("pointermove", (event) => {
    const unit = unitUnder(event);
    if (dragged && unit.join() !== dragged.from.join()) dragged.far = true;
    point({ net: state.net, layer: state.layer, unit });
  });
  map.addEventListener("pointerup", (event) => {
    const unit = unitUnder(event);
    const far = dragged && dragged.far;
    dragged = null;
    set(far ? { unit } : { unit, pins: toggled(state.pins, { ...current(), unit }) });
  });
  map.addEventListener("pointercancel", () => (dragged = null));
  map.addEventListener("pointerleave", () => point(null));
}

function watchPlane(plane) {
  plane.addEventListener("click", (event) => {
    const place = placeAt(drawn.frame, scene.sizes, ...shares(event, plane), scene.plane);
    set({ pixel: place && state.pixel && place.join() === state.pixel.join() ? null : place });
  });
}

function begin() {
  watchMap(elements.map);
  watchPlane(elements.plane);
  redraw();
}

// --- what stays -------------------------------------------------------------------------------------------------------

/** The colours of counts, once, for the legend. */
function ramp() {
  const stops = VIRIDIS.filter((_, i) => i % 15 === 0).map(([r, g, b], i) =>
    element("stop", { offset: i / 17, "stop-color": `rgb(${r},${g},${b})` }),
  );
  const gradient = element("linearGradient", { id: "viridis" }, ...stops);
  const holder = element("svg", { width: 0, height: 0, class: "hidden", "aria-hidden": "true" });
  holder.append(element("defs", {}, gradient));
  document.body.append(holder);
}

/** A box to tick that puts a class on the page. */
function toggle(id, name, label) {
  const change = (event) => document.body.classList.toggle(name, event.target.checked);
  const box = html`<label><input type="checkbox" onChange=${change} /> ${label}</label>`;
  render(box, document.getElementById(id));
}
