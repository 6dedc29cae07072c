// The panel beside the drawing: what can be chosen, the map of the layer, the plane, and the pins.
import { html, useEffect, useRef } from "./vendor/htm-preact.js";
import { smallest } from "./heat.js";
import { HEATS } from "./state.js";
import { count, number, readInside, times, unitName } from "./words.js";

const HEAT_WORDS = { paths: "path counts", reads: "pixels read", none: "outline only" };

function Choice({ id, label, value, options, onPick }) {
  const pick = (event) => onPick(Number(event.target.value));
  return html`<label for=${id}>${label}
    <select id=${id} value=${value} onChange=${pick}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </label>`;
}

function Controls({ nets, state, act }) {
  const net = nets[state.net];
  const layers = net.names.map((name, i) => [i, name]);
  const earlier = layers.slice(0, state.layer).map(([i, name]) => [i, i ? name : "the image"]);
  return html`<div class="controls">
    ${nets.length > 1 && html`<${Choice} id="net" label="network" value=${state.net}
      options=${nets.map((each, i) => [i, each.title])} onPick=${act.network} />`}
    <${Choice} id="layer" label="layer" value=${state.layer} options=${layers.slice(1)} onPick=${act.layer} />
    <${Choice} id="from" label="seen on" value=${state.from < state.layer ? state.from : 0} options=${earlier}
      onPick=${act.from} />
    <fieldset>
      <legend>show</legend>
      ${HEATS.map((kind) => html`<label key=${kind}>
        <input type="radio" name="heat" value=${kind} checked=${state.heat === kind} onChange=${() => act.heat(kind)} />
        ${HEAT_WORDS[kind]}
      </label>`)}
    </fieldset>
  </div>`;
}

function Planes({ net, state, scene, act }) {
  if (scene.sizes.length < 3) return null;
  const sizes = net.sizes[state.layer];
  const slide = (id, label, value, size, onInput) => html`<label for=${id}>${label} ${value} of ${size}
    <input id=${id} type="range" min="0" max=${size - 1} value=${value}
      onInput=${(event) => onInput(Number(event.target.value))} />
  </label>`;
  return html`<div class="controls">
    ${slide("unitplane", "plane of the unit", state.unit[0], sizes[0], act.unitPlane)}
    ${slide("plane", "plane shown", scene.plane, scene.sizes[0], act.plane)}
  </div>`;
}

function Pins({ nets, scene, state, look, act }) {
  if (!state.pins.length) {
    return html`<p class="note">Click a unit to pin it, as many as you like; click a pixel to see which units see it.</p>`;
  }
  const shown = new Map(scene.pins.map((each) => [each.n, each.found]));
  const row = (pin, n) => {
    const found = shown.get(n);
    const name = unitName(nets[pin.net].names, { layer: pin.layer, unit: pin.unit });
    const title = nets.length > 1 ? `${nets[pin.net].title}: ${name}` : name;
    const at = found && found.inside ? found.inside.map(([a, b]) => `${a}-${b}`) : [];
    const sides = at.slice().reverse();
    return html`<tr key=${`${pin.net}/${pin.layer}/${pin.unit}`}>
      <th scope="row"><svg class="swatch" width="12" height="12" aria-hidden="true">
        <rect width="12" height="12" rx="2" fill=${look.series[n % look.series.length]} /></svg>
        <button type="button" class="pick" onClick=${() => act.choosePin(pin)}>${title}</button></th>
      <td>${sides[1] || "–"}</td><td>${sides[0] || "–"}</td>
      <td>${found && found.spans ? times(found.spans.map(([a, b]) => b - a + 1)) : "–"}</td>
      <td>${found && found.inside ? `${number(readInside(found))} of ${number(found.of)}` : "–"}</td>
      <td><button type="button" aria-label=${`unpin ${title}`} onClick=${() => act.unpin(pin)}>×</button></td>
    </tr>`;
  };
  return html`<table class="pins">
    <caption>Pinned</caption>
    <thead><tr><th scope="col">unit</th><th scope="col">rows</th><th scope="col">columns</th><th scope="col">field</th>
      <th scope="col">read</th><th><button type="button" onClick=${act.unpinAll}>clear</button></th></tr></thead>
    <tbody>${state.pins.map(row)}</tbody>
  </table>`;
}

/** The colour bar of the counts, and what grey and hatching mean. */
function legendText(scene, drawn) {
  const found = scene.found;
  if (!drawn || !found.counts) return null;
  const least = count(smallest(found.counts));
  return { kind: drawn.kind, least, most: count(drawn.shown ? drawn.shown.most : 0) };
}

export function Legend({ scene, drawn }) {
  const said = legendText(scene, drawn);
  if (!said) return null;
  const holes = readInside(scene.found) < scene.found.of;
  const outside = scene.found.spans.some(([a, b], i) => a < scene.found.inside[i][0] || b > scene.found.inside[i][1]);
  return html`<p class="legend">
    ${said.kind === "paths" && html`<span>paths ${said.least} <svg class="ramp" width="96" height="10" aria-hidden="true">
      <rect width="96" height="10" fill="url(#viridis)" /></svg> ${said.most}</span>`}
    ${said.kind === "reads" && html`<span>tinted: read</span>`}
    ${holes && html`<span>grey: not read</span>`}
    ${outside && html`<span>hatched: outside</span>`}
  </p>`;
}

/** The whole panel. `elements` is filled with what the scene draws into. */
export function Panel({ nets, state, scene, look, act, elements, begin }) {
  const refs = { plane: useRef(), back: useRef(), front: useRef(), canvas: useRef(), map: useRef() };
  useEffect(() => {
    for (const [name, ref] of Object.entries(refs)) elements[name] = ref.current;
    begin();
  }, []);
  const net = nets[state.net];
  const name = net.names[state.layer];
  const sizes = net.sizes[state.layer];
  return html`<${Controls} nets=${nets} state=${state} act=${act} />
    <${Planes} net=${net} state=${state} scene=${scene} act=${act} />
    <div class="look">
      <figure class="mapped">
        <canvas id="map" ref=${refs.map} tabindex="0" role="application"
          aria-label=${`the units of ${name}, ${times(sizes)}: arrow keys move, Enter pins`}></canvas>
        <figcaption>units of ${name}: ${times(sizes)}</figcaption>
      </figure>
      <figure class="planed">
        <div class="plane" id="plane" ref=${refs.plane} tabindex="0" role="application"
          aria-label="what the unit sees; arrow keys choose a pixel, Escape leaves it">
          <svg ref=${refs.back} aria-hidden="true"></svg>
          <canvas ref=${refs.canvas} aria-hidden="true"></canvas>
          <svg ref=${refs.front} aria-hidden="true"></svg>
        </div>
        <div id="legend"></div>
        <p id="pixel" aria-live="polite"></p>
      </figure>
    </div>
    <${Pins} nets=${nets} scene=${scene} state=${state} look=${look} act=${act} />
    <details class="sums" open=${state.sums}><summary>Arithmetic of ${name}</summary>
      <pre>${net.sums[state.layer - 1]}</pre></details>`;
}

export function Tools({ net, act, said }) {
  const file = useRef();
  const pick = (event) => act.ownImage(event.target.files[0]);
  return html`<button type="button" onClick=${act.exportSvg}>Export SVG</button>
    ${net.yaml !== null && html`<button type="button" onClick=${act.copyYaml}>Copy YAML</button>`}
    <button type="button" onClick=${act.copyMarkdown}>Copy Markdown</button>
    <button type="button" onClick=${() => file.current.click()}>Your image</button>
    <input ref=${file} id="own-image" type="file" accept="image/*" class="hidden" tabindex="-1" aria-label="your own image"
      onChange=${pick} />
    <button type="button" onClick=${act.noImage} hidden=${!act.hasImage()}>No image</button>
    <button type="button" onClick=${() => window.print()}>Print</button>
    <details class="keys"><summary>Keys</summary><dl>
      <dt>j, k</dt><dd>next and last layer</dd>
      <dt>arrows</dt><dd>on the map another unit, on the plane another pixel, on the graph another box</dd>
      <dt>Enter, p</dt><dd>pin the unit, or unpin it</dd>
      <dt>Escape</dt><dd>leave the pixel, then the pins</dd>
    </dl></details>
    <span role="status" class="told">${said}</span>`;
}
