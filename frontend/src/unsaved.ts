// The editor's draft: kept while somebody types, shown again after a reload, forgotten once saved.

import { all, find, meta } from "./lib/dom";
import { type Draft, dropDraft, guard, readDraft, writeDraft } from "./lib/drafts";
import { formatAbsolute } from "./lib/format";
import { toast } from "./lib/toast";

// Milliseconds without another key, so that not every one is written down.
const PAUSE = 400;

export interface Typed {
  read: () => string;
  write: (text: string) => void;
  /** Whether a field holds what is not in the text yet. */
  isPending: () => boolean;
}

/** Start to keep drafts of a form; the returned function is told of every change. */
export function startDrafts(form: HTMLFormElement, typed: Typed): () => void {
  const key = form.dataset.draft ?? "";
  const seen = find<HTMLInputElement>("input[name=seen]", form);
  const active = find<HTMLInputElement>("input[type=checkbox][name=active]", form);
  const version = form.dataset.version ?? "";
  const page: Draft = { text: typed.read(), isActive: active?.checked ?? true, seen: seen?.value ?? "", version, at: 0 };
  // What a refused page shows was typed and is stored nowhere.
  const isRefused = form.dataset.typed !== undefined;
  let basis = { seen: page.seen, version };
  let timer = 0;
  let isKept = true;

  const now = (): Draft => ({ text: typed.read(), isActive: active?.checked ?? true, ...basis, at: Date.now() });
  const isUnsaved = (): boolean => isRefused || typed.isPending() || differs(now(), page);
  const keep = (): void => {
    window.clearTimeout(timer);
    timer = 0;
    const draft = now();
    if (!isRefused && !differs(draft, page)) dropDraft(key);
    else if (!writeDraft(key, draft) && isKept) {
      isKept = false;
      toast("This browser keeps no drafts: save before you leave.", "error");
    }
  };
  const show = (draft: Draft): void => {
    basis = { seen: draft.seen, version: draft.version };
    if (seen) seen.value = draft.seen;
    if (active) active.checked = draft.isActive;
    typed.write(draft.text);
  };
  const later = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(keep, PAUSE);
  };

  const draft = isRefused ? null : readDraft(key);
  if (draft && differs(draft, page)) {
    show(draft);
    tell(draft, version, () => {
      show(page);
      dropDraft(key);
    });
  } else if (draft) dropDraft(key);
  active?.addEventListener("change", later);
  const flush = (): void => {
    if (timer !== 0) keep();
  };
  window.addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", flush);
  form.addEventListener("submit", flush);
  for (const link of all("[data-drop-draft]", form)) link.addEventListener("click", () => {
    window.clearTimeout(timer);
    timer = 0;
    dropDraft(key);
  });
  guard(form, isUnsaved);
  return later;
}

function differs(one: Draft, other: Draft): boolean {
  return one.text !== other.text || one.isActive !== other.isActive;
}

function tell(draft: Draft, version: string, discard: () => void): void {
  const note = find<HTMLElement>("#draft-note");
  const words = note ? find("[data-draft-words]", note) : null;
  if (!note || !words) return;
  const begun = draft.version ? `, begun on version ${draft.version}` : "";
  const since = draft.version !== version ? ` Saved since then: version ${version}.` : "";
  words.textContent = `This is your draft of ${formatAbsolute(new Date(draft.at), meta("timezone") || undefined)}${begun}. It is not saved.${since}`;
  note.hidden = false;
  find("button", note)?.addEventListener("click", () => {
    discard();
    note.hidden = true;
  });
}
