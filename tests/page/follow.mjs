// Answers questions about networks with the page's own follower: a line of JSON in, a line of JSON out.
import { createInterface } from "node:readline";
import { at, boundsOf, isKnown, paths, span, view, watchers } from "../../rfcalc/page/web/follow.js";
import { HEATS, fragment, parsed, place } from "../../rfcalc/page/web/state.js";
import { readout } from "../../rfcalc/page/web/words.js";

/** All places of a box's map, zeros included. */
function dense(box, sizes) {
  const spot = sizes.map(() => 0);
  return Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, (_, i) => {
    let rest = i;
    for (let a = sizes.length - 1; a >= 0; a--) {
      spot[a] = rest % sizes[a];
      rest = Math.floor(rest / sizes[a]);
    }
    return box ? at(box, spot) : 0;
  });
}

const answers = {
  paths: (net, ask) => dense(paths(net, ask.layer, ask.unit, ask.source), net.sizes[ask.source || 0]),
  watchers: (net, ask) => dense(watchers(net, ask.layer, ask.unit, ask.source), net.sizes[ask.layer]),
  span: (net, ask) => span(net, ask.layer, ask.unit, ask.axis, ask.source),
  readout: (net, ask) => readout(net, net.names, view(net, ask.layer, ask.unit, ask.source)),
  known: (net, ask) => isKnown(net, ask.layer, ask.source),
  bounds: (net, ask) => boundsOf(paths(net, ask.layer, ask.unit, ask.source)),
  fragment: (net, ask) => fragment([net], ask.state),
  parsed: (net, ask) => parsed([net], ask.text, ask.state),
  place: (net, ask) => place(ask.text, ask.sizes),
  heats: () => HEATS,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { net, asks } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(asks.map((ask) => answers[ask.what](net, ask)))}\n`);
}
