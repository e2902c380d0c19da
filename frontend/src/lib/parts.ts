let running: AbortController | null = null;

/**
 * Replace parts of this page, named by id, with what the server shows for it now.
 *
 * A part in which somebody types or has a menu open is left as it is.
 */
export async function refreshParts(ids: string[]): Promise<void> {
  running?.abort();
  const controller = new AbortController();
  running = controller;
  const response = await fetch(location.href.replace(/#.*$/, ""), {
    headers: { Accept: "text/html", "X-Requested-With": "fetch" },
    credentials: "same-origin",
    signal: controller.signal,
  });
  if (!response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ids) {
    const old = document.getElementById(id);
    const next = fresh.getElementById(id);
    if (old && next && !isBusy(old)) {
      const held = heldLink(old);
      old.replaceWith(document.adoptNode(next));
      // Whoever goes by keyboard stays where they are.
      if (held) next.querySelector<HTMLElement>(`a[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
      document.dispatchEvent(new CustomEvent("powernode:part", { detail: { id } }));
    }
  }
}

function heldLink(part: Element): string | null {
  const focused = document.activeElement;
  return focused !== null && part.contains(focused) ? focused.getAttribute("href") : null;
}

function isBusy(part: Element): boolean {
  if (part.querySelector("details.menu[open], dialog[open]")) return true;
  const focused = document.activeElement;
  return focused !== null && part.contains(focused) && /^(?:INPUT|TEXTAREA|SELECT)$/.test(focused.tagName);
}

/** A function that runs once, a moment after the last of several calls. */
export function settled(action: () => Promise<void>, milliseconds: number): () => void {
  let timer = 0;
  return () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      action().catch((error: unknown) => {
        // A newer refresh ends an older one; anything else belongs in the console and in tests.
        if (!(error instanceof DOMException && error.name === "AbortError")) console.error(error);
      });
    }, milliseconds);
  };
}
