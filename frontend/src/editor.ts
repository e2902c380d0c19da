import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, linter, lintGutter } from "@codemirror/lint";
import type { Text } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { completionsAt, type StepTypeWords } from "./completions";
import { startForm } from "./form/form";
import type { Facts, Finding } from "./form/session";
import { api } from "./lib/api";
import { el, find, icon } from "./lib/dom";
import { startDrafts } from "./unsaved";

const LOOK = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent-text)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--queue)" },
  { tag: tags.comment, color: "var(--text-3)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.meta], color: "var(--text-3)" },
]);
const FRAME = EditorView.theme({
  "&": { height: "100%", fontSize: "12.5px", backgroundColor: "var(--surface)", color: "var(--text)" },
  "&.cm-focused": { outline: "2px solid var(--accent-text)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.65" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--text-3)", border: "0", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--text) 4%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 26%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "6px", overflow: "hidden" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", padding: "6px 10px" },
});

const host = find<HTMLElement>("[data-editor]");
const area = find<HTMLTextAreaElement>("[data-editor] textarea");
if (host && area) startEditor(host, area);

function startEditor(root: HTMLElement, source: HTMLTextAreaElement): void {
  const mount = el("div", { class: "editor-mount" });
  // In a shadow root CodeMirror adopts its style sheet instead of writing <style> elements.
  const shadow = mount.attachShadow({ mode: "open" });
  source.after(mount);
  const facts = readFacts();
  let changed: () => void = () => undefined;
  const view = new EditorView({
    doc: source.value,
    root: shadow,
    parent: shadow,
    extensions: [
      basicSetup, yaml(), FRAME, syntaxHighlighting(LOOK), lintGutter(),
      linter(async (editor) => diagnose(editor.state.doc, (findings) => form.find(findings)), { delay: 500 }),
      autocompletion({ override: [(context) => complete(context, facts.types)] }),
      keymap.of([{ key: "Mod-s", run: () => (source.form?.requestSubmit(), true) }]),
      EditorView.domEventHandlers({ beforeinput: typeOver }),
      EditorView.contentAttributes.of({ "aria-label": "Pipeline document (YAML)" }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        source.value = update.state.doc.toString();
        changed();
        form.redraw();
      }),
    ],
  });
  const replace = (text: string): void => view.dispatch({ changes: smallest(view.state.doc.toString(), text), userEvent: "input" });
  const form = startForm(root, { read: () => view.state.doc.toString(), write: replace }, facts);
  root.classList.add("is-ready");
  if (source.form) changed = startDrafts(source.form, {
    read: () => {
      form.flush();
      return view.state.doc.toString();
    },
    write: replace,
    isPending: form.isPending,
  });
  source.form?.addEventListener("keydown", (event) => {
    if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
    event.preventDefault();
    // A field that is left takes over what was typed in it.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    source.form?.requestSubmit();
  });
  find("#findings")?.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-line]") : null;
    if (!target) return;
    const line = view.state.doc.line(Math.min(view.state.doc.lines, Number(target.dataset.line)));
    view.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
    view.focus();
  });
}

/** The one change that makes a text another: cursor, marks and history stay where they are. */
function smallest(before: string, after: string): { from: number; to: number; insert: string } {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const longest = Math.min(before.length, after.length) - head;
  while (tail < longest && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return { from: head, to: before.length - tail, insert: after.slice(head, after.length - tail) };
}

// Left to itself, Chromium wraps what is typed over coloured text in a styled element, which our
// policy blocks and the console reports.
function typeOver(event: InputEvent, view: EditorView): boolean {
  const { main } = view.state.selection;
  const text = event.data;
  if (event.inputType !== "insertText" || text === null || main.empty || view.composing) return false;
  event.preventDefault();
  const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
  const isHandled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, main.from, main.to, text, insert));
  if (!isHandled) view.dispatch(insert());
  return true;
}

async function diagnose(doc: Text, tell: (findings: Finding[]) => void): Promise<Diagnostic[]> {
  const state = find<HTMLElement>("#lint-state");
  try {
    const answer = await api<{ valid: boolean; findings: Finding[] }>("/api/v1/devops/pipelines/lint", { method: "POST", body: { text: doc.toString() } });
    listFindings(answer.findings);
    tell(answer.findings);
    if (state) {
      const errors = answer.findings.filter((finding) => finding.severity === "error").length;
      state.dataset.state = answer.valid ? "ok" : "bad";
      state.textContent = answer.valid ? "Valid" : `${errors} ${errors === 1 ? "error" : "errors"}`;
    }
    return answer.findings.map((finding) => toDiagnostic(doc, finding));
  } catch (error) {
    if (state) {
      state.dataset.state = "unknown";
      state.textContent = `Not checked: ${error instanceof Error ? error.message : "the server could not be reached"}`;
    }
    return [];
  }
}

function toDiagnostic(doc: Text, finding: Finding): Diagnostic {
  const line = doc.line(Math.min(doc.lines, Math.max(1, finding.line || 1)));
  const from = Math.min(line.to, line.from + Math.max(0, (finding.column || 1) - 1));
  const rest = doc.sliceString(from, line.to);
  const to = from + (/^[^\s:,\]}]+/.exec(rest)?.[0].length ?? rest.length);
  return { from, to: Math.max(to, from), severity: finding.severity, message: finding.remedy ? `${finding.message}\n${finding.remedy}` : finding.message };
}

function listFindings(findings: Finding[]): void {
  const box = find<HTMLElement>("#findings");
  if (!box) return;
  box.hidden = findings.length === 0;
  box.replaceChildren(...findings.slice(0, 100).map((finding) =>
    el("li", { "data-severity": finding.severity },
      finding.severity === "error" ? icon("circle-x") : icon("alert-triangle"),
      el("button", { type: "button", class: "link-button", "data-line": String(finding.line) }, `Line ${finding.line}`),
      el("span", {}, finding.message, ...(finding.remedy ? [" ", el("span", { class: "quiet" }, finding.remedy)] : [])))));
}

function readFacts(): Facts {
  const holder = document.getElementById("editor-facts");
  return holder?.textContent ? (JSON.parse(holder.textContent) as Facts) : { types: [], people: [], secrets: [], isReadOnly: false };
}

function complete(context: CompletionContext, words: StepTypeWords): CompletionResult | null {
  const before = context.state.doc.sliceString(0, context.pos);
  const found = completionsAt(before, words);
  if (found === null || (!context.explicit && found.typed === "")) return null;
  return { from: context.pos - found.typed.length, options: found.options, validFor: /^[\w-]*$/ };
}
