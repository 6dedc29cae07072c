// What may be written at a place of a spec's text, by the JSON Schema that `rfcalc schema` prints: where in the document
// the place is, what the schema allows there, and the names that the text itself brings. No layer is known here.

const KEY = /^("[^"]*"|'[^']*'|[^\s#"'[\]{},:&*!|>%@`-][^#[\]{},:]*|-[^\s#[\]{},:]+):(?=\s|$)\s*/;
const WORD = /[\w$.-]*$/;

/** Reads a text, which may end anywhere: the path of the place at its end (keys, and "-" for an item of a list),
 * whether a key, a value or an item stands there, the word begun, and the keys of every mapping by its path. */
export function scan(text) {
  const keys = new Map();
  const note = (path, key) => {
    const place = path.join("\n");
    if (!keys.has(place)) keys.set(place, []);
    keys.get(place).push(key);
  };
  const blocks = []; // block mappings and lists that are open: { indent, step }
  const path = () => blocks.map(({ step }) => step);
  let place = { path: [], expects: "key" };
  let scalar = -1; // the indent of the key whose text goes on below it
  let at = 0;
  while (at <= text.length) {
    const end = text.indexOf("\n", at) < 0 ? text.length : text.indexOf("\n", at);
    let rest = text.slice(at, end);
    let indent = rest.length - rest.trimStart().length;
    rest = rest.trimStart();
    const last = end === text.length;
    if (scalar >= 0 && (indent > scalar || (!rest && !last))) {
      place = { path: path(), expects: "text" };
      at = end + 1;
      continue;
    }
    scalar = -1;
    if (rest.startsWith("#")) place = { path: path(), expects: "text" };
    if ((!rest && !last) || rest.startsWith("#")) {
      at = end + 1;
      continue;
    }
    while (blocks.length && blocks[blocks.length - 1].indent > indent) blocks.pop();
    while (/^-(\s|$)/.test(rest)) {
      close(blocks, indent, true);
      blocks.push({ indent, step: "-" });
      const inner = rest.slice(1);
      const gap = Math.max(inner.length - inner.trimStart().length, 1);
      indent += 1 + gap;
      rest = inner.trimStart();
    }
    const found = KEY.exec(rest);
    if (!found) {
      close(blocks, indent, false);
      const item = blocks.length > 0 && blocks[blocks.length - 1].step === "-" && blocks[blocks.length - 1].indent < indent;
      place = { path: path(), expects: item ? "item" : "key" };
      if (/^[[{]/.test(rest)) [place, at] = flow(text, end - rest.length, path(), note);
      at = Math.max(at, end) + 1;
      if (/^[[{]/.test(rest)) at = lineEnd(text, at - 1) + 1;
      continue;
    }
    close(blocks, indent, false);
    const key = unquoted(found[1]);
    note(path(), key);
    blocks.push({ indent, step: key });
    rest = rest.slice(found[0].length);
    place = { path: path(), expects: "value" };
    if (/^[[{]/.test(rest)) {
      [place, at] = flow(text, end - rest.length, path(), note);
      at = lineEnd(text, at) + 1;
      continue;
    }
    if (/^[|>]/.test(rest)) scalar = blocks.findLast(({ step }) => step !== "-").indent;
    at = end + 1;
  }
  return { ...place, word: WORD.exec(text)[0], keys };
}

/** Leaves what ends where a new entry begins at an indent: a list goes on with the next item, a mapping with a key. */
function close(blocks, indent, item) {
  const open = blocks[blocks.length - 1];
  if (!open || open.indent < indent) return;
  if (item || open.step !== "-" || open.indent === indent) {
    const list = open.step === "-";
    if (!item || list) blocks.pop();
  }
}

function lineEnd(text, at) {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

function unquoted(key) {
  return key.replace(/^(["'])([^]*)\1$/, "$2").trim();
}

/** Reads brackets from where they open; gives the place at the end of the text, or that after them, and where. */
function flow(text, start, above, note) {
  const open = []; // { list, key, pair }: a pair is a mapping of one key within a list, without brackets
  const path = () => [...above, ...open.flatMap(({ list, key }) => (list ? ["-"] : key === null ? [] : [key]))];
  let word = "";
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"' || char === "'") {
      const end = text.indexOf(char, at + 1);
      if (end < 0) return [{ path: path(), expects: "text" }, text.length];
      word = text.slice(at + 1, end);
      at = end;
    } else if (char === "#" && /\s/.test(text[at - 1] || " ")) {
      at = lineEnd(text, at) - 1;
      if (at === text.length - 1) return [{ path: path(), expects: "text" }, text.length];
    } else if (char === "[" || char === "{") {
      open.push({ list: char === "[", key: null });
      word = "";
    } else if (char === "]" || char === "}") {
      if (open[open.length - 1].pair) open.pop();
      open.pop();
      word = "";
      if (!open.length) return [{ path: above, expects: "text" }, at + 1];
    } else if (char === ",") {
      if (open[open.length - 1].pair) open.pop();
      if (!open[open.length - 1].list) open[open.length - 1].key = null;
      word = "";
    } else if (char === ":" && /[\s,}\]]|^$/.test(text[at + 1] || "")) {
      if (open[open.length - 1].list) open.push({ list: false, key: null, pair: true });
      note(path(), unquoted(word));
      open[open.length - 1].key = unquoted(word);
      word = "";
    } else word += char;
  }
  const inner = open[open.length - 1];
  const expects = inner.list ? "item" : inner.key === null ? "key" : "value";
  return [{ path: path(), expects }, text.length];
}

// --- the schema -------------------------------------------------------------------------------------------------------

/** The plain schemas that one stands for: references followed, alternatives side by side. */
export function plain(schema, root) {
  if (!schema || typeof schema !== "object") return [];
  if (schema.$ref) return plain(schema.$ref.replace(/^#\//, "").split("/").reduce((part, key) => part && part[key], root), root);
  const own = schema.anyOf ? schema.anyOf.flatMap((each) => plain(each, root)) : [schema];
  return own;
}

/** What stands after a key or an item of any of these schemas. */
function stepped(schemas, step, root) {
  return schemas.flatMap((schema) => {
    if (step === "-") return plain(schema.items, root);
    const known = schema.properties && schema.properties[step];
    return plain(known || (typeof schema.additionalProperties === "object" ? schema.additionalProperties : null), root);
  });
}

export function resolved(root, path) {
  return path.reduce((schemas, step) => stepped(schemas, step, root), plain(root, root));
}

// --- what is offered --------------------------------------------------------------------------------------------------

const JOINING = new Set(["from"]);

/** What may stand at the end of a text: { from, options: [{ label, apply, detail, info, kind }] }, null for nothing.
 * `whole` is the whole text, for its own blocks; `names` are the network's layers; `layers` the types of layers. */
export function completions(root, text, whole, names, layers) {
  const place = scan(text);
  if (place.expects === "text") return null;
  const { keys } = scan(whole);
  const blocks = keys.get("blocks") || [];
  const options = offered(root, place, { keys, blocks, names, layers: new Set(layers) });
  if (!options.length) return null;
  return { from: text.length - place.word.length, options };
}

function offered(root, place, known) {
  const { path, expects } = place;
  const holders = path[path.length - 1] === "-" ? path.slice(0, -1) : path;
  const block = blockOf(path, known);
  const schemas = resolved(root, path);
  if (expects === "key") {
    if (block) return parametersOf(block, known).map((label) => ({ label, apply: `${label}: `, kind: "property" }));
    return propertiesOf(schemas, isLayer(root, path, known));
  }
  const refers = JOINING.has(holders[holders.length - 1]) || (known.layers.has(holders[holders.length - 1]) && expects === "item");
  const found = valuesOf(schemas);
  if (refers) return [...found, ...["input", ...known.names].map((label) => ({ label, kind: "variable" }))];
  if (expects === "item") {
    const inner = propertiesOf(schemas, true);
    const own = inner.some(({ kind }) => kind === "type") ? known.blocks : [];
    return [...inner, ...own.map((label) => ({ label, apply: `${label}: `, detail: "block", kind: "class" })), ...found];
  }
  return found;
}

function isLayer(root, path, known) {
  return path[path.length - 1] === "-" && resolved(root, path).some(({ properties }) => properties && [...known.layers].some((op) => op in properties));
}

/** The block whose settings stand at a path, if it is one of the text's own. */
function blockOf(path, { blocks, layers }) {
  const name = path[path.length - 1];
  return path[path.length - 2] === "-" && blocks.includes(name) && !layers.has(name) ? name : null;
}

function parametersOf(block, { keys }) {
  return ["name", "from", ...(keys.get(["blocks", block, "parameters"].join("\n")) || [])];
}

function propertiesOf(schemas, layers) {
  const found = new Map();
  for (const { properties = {}, required = [] } of schemas) {
    for (const [label, schema] of Object.entries(properties)) {
      const needed = required.includes(label);
      const said = { label, apply: `${label}: `, kind: layers ? "type" : "property", detail: needed ? "needed" : kindOf(schema) };
      if (schema.description) said.info = schema.description;
      if (needed) said.boost = 1;
      if (!found.has(label)) found.set(label, said);
    }
  }
  return [...found.values()];
}

/** A setting's default or type in a word. */
function kindOf(schema) {
  if (schema.default !== undefined && schema.default !== null) return `= ${JSON.stringify(schema.default)}`;
  const types = [schema, ...(schema.anyOf || [])].map(({ type }) => type).filter((type) => typeof type === "string");
  return types.length ? types[0] : "";
}

function valuesOf(schemas) {
  const found = new Set();
  for (const schema of schemas) {
    for (const value of schema.enum || []) found.add(String(value));
    if (schema.const !== undefined) found.add(String(schema.const));
    if (schema.type === "boolean") found.add("true").add("false");
  }
  return [...found].map((label) => ({ label, kind: "constant" }));
}
