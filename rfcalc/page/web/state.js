// What is chosen, and the same in the URL's fragment: #net=0&layer=C6&unit=3,4&pin=0/C6@2,2&heat=reads
// `net` is the number of the network, `layer` and `from` are names, units and pixels are counted from 0.

export const HEATS = ["paths", "reads", "none"];

/** The state that the page begins with. */
export function initial(nets) {
  return { net: 0, ...layerState(nets[0], nets[0].start), from: 0, pixel: null, pins: [], heat: "paths", plane: null };
}

/** A layer with its centre unit. */
export function layerState(net, layer) {
  return { layer, unit: centre(net, layer) };
}

export function centre(net, layer) {
  return net.sizes[layer].map((size) => size >> 1);
}

/** The unit of a layer nearest to where a unit of another one stands on its map. */
export function alike(net, layer, unit, other) {
  const sizes = net.sizes[layer];
  return net.sizes[other].map((size, a) => {
    const share = sizes[a] > 0 ? (unit[a] + 0.5) / sizes[a] : 0.5;
    return Math.min(size - 1, Math.floor(share * size));
  });
}

/** The fragment of a state; what is as in the beginning is left out. */
export function fragment(nets, state) {
  const net = nets[state.net];
  const said = new URLSearchParams();
  if (nets.length > 1) said.set("net", state.net);
  said.set("layer", net.names[state.layer]);
  said.set("unit", state.unit.join(","));
  if (state.from) said.set("from", net.names[state.from]);
  if (state.pixel) said.set("pixel", state.pixel.join(","));
  for (const pin of state.pins) said.append("pin", `${pin.net}/${nets[pin.net].names[pin.layer]}@${pin.unit.join(",")}`);
  if (state.heat !== HEATS[0]) said.set("heat", state.heat);
  return said.toString();
}

/** What a fragment says, as changes to a state; whatever does not name something that exists is left out. */
export function parsed(nets, text, state) {
  const said = new URLSearchParams(text.replace(/^#/, ""));
  const found = {};
  const number = Number(said.get("net") ?? state.net);
  found.net = Number.isInteger(number) && number >= 0 && number < nets.length ? number : state.net;
  const net = nets[found.net];
  const layer = net.names.indexOf(said.get("layer"));
  if (layer > 0) Object.assign(found, layerState(net, layer));
  else if (found.net !== state.net) Object.assign(found, layerState(net, net.start));
  const chosen = found.layer ?? state.layer;
  const unit = place(said.get("unit"), net.sizes[chosen]);
  if (unit) found.unit = unit;
  const from = said.has("from") ? net.names.indexOf(said.get("from")) : 0;
  found.from = from > 0 && from < chosen ? from : 0;
  found.pixel = place(said.get("pixel"), net.sizes[found.from]);
  found.pins = said.getAll("pin").map((each) => pinned(nets, each)).filter(Boolean);
  if (HEATS.includes(said.get("heat"))) found.heat = said.get("heat");
  return found;
}

function pinned(nets, text) {
  const [, number, name, unit] = /^(\d+)\/([^]*)@([\d,]+)$/.exec(text) || [];
  const net = nets[Number(number)];
  const layer = net ? net.names.indexOf(name) : -1;
  const at = layer > 0 ? place(unit, net.sizes[layer]) : null;
  return at ? { net: Number(number), layer, unit: at } : null;
}

/** "3,4" as numbers on a map of such sizes, or null. */
export function place(text, sizes) {
  if (!text || !/^\d+(,\d+)*$/.test(text)) return null;
  const numbers = text.split(",").map(Number);
  return numbers.length === sizes.length && numbers.every((n, a) => n < sizes[a]) ? numbers : null;
}

export function samePin(one, other) {
  return one.net === other.net && one.layer === other.layer && one.unit.join() === other.unit.join();
}

/** The pins with one more, or without it where it is there already. */
export function toggled(pins, pin) {
  return pins.some((each) => samePin(each, pin)) ? pins.filter((each) => !samePin(each, pin)) : [...pins, pin];
}
