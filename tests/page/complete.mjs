// Answers what the editor offers: the schema first, then a question a line.
import { createInterface } from "node:readline";
import { completions, scan } from "../../rfcalc/page/web/complete.js";

let schema = null;
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  if (ask.schema) schema = ask.schema;
  const place = scan(ask.text);
  const said = { ...place, keys: Object.fromEntries(place.keys), offered: completions(schema, ask.text, ask.whole, ask.names, ask.layers) };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
