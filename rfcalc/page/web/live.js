// The live page: every change of the text goes to the engine, and what it says of it comes back into the page.
import { html, render } from "./vendor/htm-preact.js";
import { show } from "./app.js";
import { goTo, makeEditor, putText, showProblems, textOf } from "./editor.js";

const given = JSON.parse(document.getElementById("rfcalc-live").textContent);

let saved = { text: "", version: "" }; // the file as it was last read or written
let other = null; // the file on disk, where it has changed under a text that is not saved
let names = [];
let answer = null; // what the engine said last
let asked = null; // the text that it is asked about
let lost = false; // whether the server is gone
let trouble = "";
let mending = null; // what is known of repairs: { text, busy, error, said, ways }

/** Asks the server; an object with `error` where it refuses or is gone. */
async function ask(what, sent) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) };
  const response = await fetch(what, options).catch(() => null);
  lost = response === null;
  if (lost) return { error: "the server is gone: start rfcalc explore --live again" };
  const text = await response.text();
  return response.headers.get("Content-Type").startsWith("application/json") ? JSON.parse(text) : { error: text.trim() };
}

// --- the network ------------------------------------------------------------------------------------------------------

/** Asks about the newest text; while one is under way, the next one waits, and those between are never asked about. */
async function changed() {
  bar();
  if (asked !== null) return;
  do {
    asked = textOf(editor);
    const start = performance.now();
    const said = await ask("change", { text: asked });
    if (said.error) {
      trouble = said.error;
      break;
    }
    trouble = "";
    take(said, asked);
    document.body.dataset.milliseconds = Math.round(performance.now() - start); // from the change to what is drawn
  } while (asked !== textOf(editor));
  asked = null;
  bar();
}

/** Puts what the engine said into the page. */
function take(said, text) {
  answer = said;
  showProblems(editor, text === textOf(editor) ? said.problems : []);
  if (said.parts) {
    const scrolled = panes().map((pane) => [pane.scrollLeft, pane.scrollTop]);
    for (const [id, markup] of Object.entries(said.parts)) document.getElementById(id).innerHTML = markup;
    panes().forEach((pane, i) => scrolled[i] && ([pane.scrollLeft, pane.scrollTop] = scrolled[i]));
    names = said.data.networks[0].layers.map((layer) => layer.name);
    document.title = `${said.title}: receptive fields`;
    show(said.data);
  }
  document.body.classList.toggle("stale", !said.parts);
  if (mending && mending.text !== text) mending = null;
  mend();
  report();
}

function panes() {
  return [...document.querySelectorAll("#drawings .pane, #charts .pane, #tables .pane")];
}

/** What is wrong, below the editor. */
function report() {
  const { problems, parts, whole } = answer;
  const line = problems.map((problem) => problem.line).find((each) => each !== null);
  const far = parts ? "drawn as far as this goes" : "nothing can be drawn: the last network is still shown";
  const said = problems.map(({ line: at, text }, i) => html`<li key=${i}>
    ${at === null ? "" : html`<button type="button" class="pick" onClick=${() => goTo(editor, at)}>line ${at}</button> `}${text}</li>`);
  const list = problems.length > 0 && html`<ul>${said}</ul>`;
  const note = problems.length > 0 && !(parts && whole) && html`<p>${far}${line && parts ? `: up to line ${line}` : ""}</p>`;
  render(html`${list}${note}`, document.getElementById("problems"));
}

// --- repairs ----------------------------------------------------------------------------------------------------------

/** Offers repairs below the targets, where one is missed. */
function mend() {
  const targets = document.querySelector(".targets");
  const old = document.getElementById("mend");
  if (!targets || !answer.missed) return old && old.remove();
  if (!old) {
    const made = document.createElement("div");
    made.id = "mend";
    targets.append(made);
  }
  render(html`<${Repairs} />`, document.getElementById("mend"));
}

function Repairs() {
  if (!mending) return html`<button type="button" onClick=${lookForRepairs}>Find the smallest repair</button>`;
  if (mending.busy) return html`<p class="note">looking for repairs …</p>`;
  if (mending.error) return html`<p class="note">${mending.error}</p>`;
  const take = (text) => () => putText(editor, text);
  return html`<p class="note">${mending.said}</p><ul class="ways">${mending.ways.map((way, i) => html`<li key=${i}>
    <button type="button" onClick=${take(way.text)}>Take</button> ${way.said}</li>`)}</ul>`;
}

async function lookForRepairs() {
  const text = textOf(editor);
  mending = { text, busy: true };
  mend();
  const said = await ask("repair", { text });
  if (!mending || mending.text !== text) return;
  mending = { text, ...said };
  mend();
}

// --- the file ---------------------------------------------------------------------------------------------------------

function unsaved() {
  return textOf(editor) !== saved.text;
}

async function saveFile(over) {
  const text = textOf(editor);
  const said = await ask("save", over ? { text, over: true } : { text, version: saved.version });
  if (said.error) {
    trouble = said.error;
    if (said.changed) await look();
    return bar();
  }
  saved = { text, version: said.version };
  other = null;
  trouble = "";
  bar();
}

/** Looks at the file: a change comes into the editor, unless there is a text in it that is not saved. */
async function look() {
  const said = await ask("disk", { version: saved.version });
  if (said.error) trouble = said.error;
  else if (said.text === undefined) {
    other = null;
    if (!asked) trouble = "";
  } else if (said.text === textOf(editor)) {
    saved = said;
    other = null;
  } else if (unsaved()) other = said;
  else load(said);
  bar();
}

function load(read) {
  saved = read;
  other = null;
  putText(editor, read.text);
}

/** The line above the editor: the file, whether it is saved, and what can be done. */
function bar() {
  const state = lost ? "" : unsaved() ? "not saved" : "saved";
  const took = answer && answer.milliseconds !== undefined ? `${Math.round(answer.milliseconds)} ms` : "";
  const clash = other && html`<div class="clash" role="alert">The file has changed on disk.
    <button type="button" onClick=${() => load(other)}>Load it, lose mine</button>
    <button type="button" onClick=${() => saveFile(true)}>Save mine over it</button></div>`;
  render(html`<div class="line"><strong>${given.file}</strong> <span id="state">${state}</span>
    <span class="took" title="the engine's time for the last change">${took}</span>
    <button type="button" id="save" disabled=${!unsaved() || Boolean(other)} onClick=${() => saveFile(false)}>Save</button></div>
    ${trouble && html`<div class="clash" role="alert">${trouble}</div>`}${clash}`, document.getElementById("bar"));
}

const editor = makeEditor(document.getElementById("editor"), given, () => names, changed, () => unsaved() && !other && saveFile(false));

window.addEventListener("beforeunload", (event) => {
  if (unsaved() && !lost) event.preventDefault();
});
setInterval(() => document.hidden || asked !== null || look(), given.poll);
document.addEventListener("visibilitychange", () => document.hidden || look());
look().then(changed);
