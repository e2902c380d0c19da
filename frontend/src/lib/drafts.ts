// What was typed and not saved, kept in this browser until it is.

import { all } from "./dom";

export interface Draft {
  text: string;
  isActive: boolean;
  /** What the text was begun on: the server's word for that state, and its number for people. */
  seen: string;
  version: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** The draft under a key; null when there is none that can be read. */
export function readDraft(key: string): Draft | null {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return isDraft(found) ? found : null;
  } catch {
    // A browser that keeps nothing, or what another version of this page kept.
    return null;
  }
}

/** Keep a draft; false when the browser does not. */
export function writeDraft(key: string, draft: Draft): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export function dropDraft(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}

/** Forget the drafts that a page says are saved now. */
export function dropSaved(): void {
  for (const note of all<HTMLElement>("[data-saved-draft]")) dropDraft(note.dataset.savedDraft ?? "");
}

/** Ask before a page is left on which something is unsaved; sending the form asks nothing. */
export function guard(form: HTMLFormElement, isUnsaved: () => boolean): void {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    isSent = !event.defaultPrevented;
  });
  window.addEventListener("pageshow", () => {
    isSent = false;
  });
  form.addEventListener("click", (event) => {
    // Whoever takes what another saved has decided already.
    if (event.target instanceof Element && event.target.closest("[data-drop-draft]")) isSent = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!isSent && isUnsaved()) event.preventDefault();
  });
}

function isDraft(value: unknown): value is Draft {
  if (typeof value !== "object" || value === null) return false;
  const each = value as Record<string, unknown>;
  return typeof each["text"] === "string" && typeof each["isActive"] === "boolean" && typeof each["seen"] === "string"
    && typeof each["version"] === "string" && typeof each["at"] === "number";
}
