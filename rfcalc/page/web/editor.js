// The editor: CodeMirror in the page's own colours, what may be written offered, what is wrong shown at its line.
import { EditorState, EditorView, autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap } from "./vendor/codemirror.js";
import { HighlightStyle, completionKeymap, defaultKeymap, drawSelection, highlightActiveLine, history } from "./vendor/codemirror.js";
import { historyKeymap, indentUnit, indentWithTab, keymap, lineNumbers, lintGutter } from "./vendor/codemirror.js";
import { setDiagnostics, syntaxHighlighting, tags, yaml } from "./vendor/codemirror.js";
import { completions } from "./complete.js";

const LOOK = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace, tags.meta], color: "var(--muted)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--met)" },
]);

const THEME = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--ink)", backgroundColor: "var(--paper)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace', lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--muted)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--soft)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 28%, var(--paper)) !important",
  },
  ".cm-tooltip": { backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--frame-edge)", borderRadius: "6px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--paper)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionInfo": { padding: ".4rem .6rem", maxWidth: "22rem" },
  ".cm-diagnostic": { borderLeft: "3px solid var(--missed)" },
  ".cm-matchingBracket": { backgroundColor: "var(--soft) !important", outline: "1px solid var(--accent)" },
});

/** Enter: the next line begins where this one does, or deeper after a colon; a list of layers goes on with Enter and -. */
function newLine({ state, dispatch }) {
  const { from, to } = state.selection.main;
  const line = state.doc.lineAt(from);
  const before = line.text.slice(0, from - line.from);
  const lead = /^\s*/.exec(before)[0];
  const deeper = !/:\s*$/.test(before) ? "" : /^\s*- /.test(before) ? "    " : "  ";
  const insert = `\n${lead}${deeper}`;
  const selection = { anchor: from + insert.length };
  dispatch(state.update({ changes: { from, to, insert }, selection, scrollIntoView: true, userEvent: "input" }));
  return true;
}

/** Makes the editor. `given` holds the schema, the types of layers and the nonce of the page's policy; `names()` are the
 * network's layers; `onChange(text)` is called with every change, `onSave()` by Ctrl-S. */
export function makeEditor(parent, given, names, onChange, onSave) {
  const source = (context) => {
    const whole = context.state.doc.toString();
    const found = completions(given.schema, whole.slice(0, context.pos), whole, names(), given.layers);
    if (!found || (found.from === context.pos && !context.explicit && !/[\s{[]$/.test(whole.slice(0, context.pos)))) return null;
    const options = found.options.map(({ kind, ...option }) => ({ ...option, type: kind }));
    return { from: found.from, options, validFor: /^[\w$.-]*$/ };
  };
  const save = { key: "Mod-s", preventDefault: true, run: () => (onSave(), true) };
  const extensions = [
    lineNumbers(), lintGutter(), history(), drawSelection(), highlightActiveLine(), bracketMatching(), closeBrackets(),
    yaml(), syntaxHighlighting(LOOK), THEME, indentUnit.of("  "), EditorState.tabSize.of(2),
    autocompletion({ override: [source], icons: false }),
    keymap.of([save, ...closeBracketsKeymap, ...completionKeymap, { key: "Enter", run: newLine }, ...defaultKeymap, ...historyKeymap, indentWithTab]),
    EditorView.cspNonce.of(given.nonce),
    EditorView.contentAttributes.of({ "aria-label": `the text of ${given.file}; Tab indents, Escape then Tab leaves` }),
    EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
  ];
  return new EditorView({ parent, state: EditorState.create({ doc: "", extensions }) });
}

export function textOf(editor) {
  return editor.state.doc.toString();
}

/** Puts a text into the editor, changing no more of it than differs, so that the cursor and the history stay. */
export function putText(editor, text) {
  const old = textOf(editor);
  let start = 0;
  while (start < old.length && start < text.length && old[start] === text[start]) start++;
  let end = 0;
  const most = Math.min(old.length, text.length) - start;
  while (end < most && old[old.length - 1 - end] === text[text.length - 1 - end]) end++;
  if (start === old.length && start === text.length) return;
  editor.dispatch({ changes: { from: start, to: old.length - end, insert: text.slice(start, text.length - end) } });
}

/** The line of a problem, as far as the text has it. */
function lineAt(editor, number) {
  const { doc } = editor.state;
  return doc.line(Math.min(Math.max(number || 1, 1), doc.lines));
}

/** Underlines the lines that problems stand on. */
export function showProblems(editor, problems) {
  const found = problems.map(({ line, text }) => {
    const at = lineAt(editor, line);
    const from = at.from + (at.text.length - at.text.trimStart().length);
    return { from, to: Math.max(at.to, from), severity: "error", message: text };
  });
  editor.dispatch(setDiagnostics(editor.state, found));
}

export function goTo(editor, number) {
  const at = lineAt(editor, number);
  editor.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
  editor.focus();
}
