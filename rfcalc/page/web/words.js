// What the page says, as text: figures as the command line prints them, and the sentence on one unit.

export const AXES = { 1: ["columns"], 2: ["rows", "columns"], 3: ["planes", "rows", "columns"] };

/** 1,234,567; – for what is unknown. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  return Number.isInteger(value) ? String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",") : String(value);
}

/** A count of paths; a large one in powers of ten. */
export function count(value) {
  if (!Number.isFinite(value)) return "more than 1e308";
  if (Number.isInteger(value) && value < 1e7) return number(value);
  return value >= 1e7 || value < 1e-3 ? value.toExponential(3).replace("e+", "e") : String(Number(value.toPrecision(6)));
}

export function times(numbers) {
  return numbers.join("\u00d7");
}

/** "C6 unit 3,4": a layer's unit, by the names of all maps. */
export function unitName(names, found) {
  return `${names[found.layer]} unit ${found.unit.join(",")}`;
}

function spansText(sizes, spans) {
  return spans.map(([first, last], a) => `${AXES[sizes.length][a]} ${first}-${last}`).join(", ");
}

/** What a unit sees, clipped to the image: "C6 unit 3,4: rows 3-25, columns 7-29, 529 of 529 pixels read". */
export function readout(net, names, found) {
  const head = unitName(names, found);
  const sizes = net.sizes[found.source];
  const places = found.source ? "units" : "pixels";
  if (!found.known) return `${head}: its field is unknown`;
  if (!found.spans) return `${head}: sees nothing of ${found.source ? names[found.source] : "the image"}`;
  const where = found.source ? ` of ${names[found.source]}` : "";
  if (!found.inside) return `${head}: sees only what lies outside${where || " the image"}`;
  const counted = readInside(found);
  const more = found.read - counted;
  const copies = more ? `, ${more} more by copies behind the border` : "";
  return `${head}: ${spansText(sizes, found.inside)}${where}, ${counted} of ${found.of} ${places} read${copies}`;
}

/** How many places of the clipped rectangle are read; a border that wraps or mirrors reads others as well. */
export function readInside(found) {
  const box = found.counts;
  if (!box) return 0;
  const within = box.lo.every((lo, a) => lo >= found.inside[a][0] && lo + box.n[a] - 1 <= found.inside[a][1]);
  if (within) return found.read;
  let read = 0;
  for (let i = 0; i < box.data.length; i++) {
    if (box.data[i] === 0) continue;
    let rest = i;
    let inside = true;
    for (let a = box.n.length - 1; a >= 0; a--) {
      const place = box.lo[a] + (rest % box.n[a]);
      rest = Math.floor(rest / box.n[a]);
      inside = inside && place >= found.inside[a][0] && place <= found.inside[a][1];
    }
    if (inside) read++;
  }
  return read;
}

/** The rectangle in full, and how much of it lies outside the map. */
export function wholeField(net, found) {
  if (!found.spans) return "";
  const size = found.spans.map(([first, last]) => last - first + 1);
  const all = size.reduce((a, b) => a * b, 1);
  const outside = all - (found.inside ? found.of : 0);
  const share = outside ? `, ${Math.round((100 * outside) / all)} % of it outside` : "";
  return `field ${times(size)}${share}`;
}
