import { api } from "./api";
import { all, el, find, icon, isTyping } from "./dom";

interface Entry {
  label: string;
  kind: string;
  go: () => void;
}

const GO_KEYS: Record<string, string> = { o: "/", r: "/runs", p: "/pipelines", c: "/ci", g: "/repositories", w: "/workers", h: "/webhooks", s: "/settings" };

/** Ctrl/Cmd-K: go anywhere and do what this page offers, by typing a part of its name. */
export class Palette {
  private readonly dialog = find<HTMLDialogElement>("#palette");
  private readonly input = find<HTMLInputElement>("#palette input");
  private readonly list = find<HTMLUListElement>("#palette ul");
  private pipelines: Entry[] | null = null;
  private shown: Entry[] = [];
  private at = 0;
  private goUntil = 0;

  start(): void {
    if (!this.dialog || !this.input || !this.list) return;
    document.addEventListener("keydown", (event) => this.key(event));
    for (const button of all<HTMLElement>("[data-palette]")) button.addEventListener("click", () => this.open());
    this.input.addEventListener("input", () => this.draw());
    this.input.addEventListener("keydown", (event) => this.inputKey(event));
    this.list.addEventListener("click", (event) => {
      const item = event.target instanceof Element ? event.target.closest<HTMLElement>("li[data-at]") : null;
      if (item) this.choose(Number(item.dataset.at));
    });
  }

  private key(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.open();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || find("dialog[open]")) return;
    if (event.key === "?") find<HTMLDialogElement>("#keys")?.showModal();
    else if (event.key === "[" || event.key === "]") this.tab(event.key === "]" ? 1 : -1);
    else if (event.key === "g") this.goUntil = event.timeStamp + 1200;
    else if (event.timeStamp < this.goUntil && GO_KEYS[event.key]) location.assign(GO_KEYS[event.key] ?? "/");
    else find<HTMLElement>(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  }

  private tab(by: number): void {
    const tabs = all<HTMLElement>(".tabs .tab");
    const at = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
    tabs[(at + by + tabs.length) % tabs.length]?.click();
  }

  private open(): void {
    if (!this.dialog || !this.input || this.dialog.open) return;
    this.input.value = "";
    this.dialog.showModal();
    this.draw();
    if (this.pipelines === null) {
      this.loadPipelines().then(() => this.draw(), () => {
        this.pipelines = [];
      });
    }
  }

  private async loadPipelines(): Promise<void> {
    const page = await api<{ results?: { name: string; slug: string }[] }>("/api/v1/devops/pipelines?limit=200");
    this.pipelines = (page.results ?? []).map(({ name, slug }) => ({
      label: name, kind: "Pipeline", go: () => location.assign(`/pipelines/${encodeURIComponent(slug)}`),
    }));
  }

  private entries(): Entry[] {
    const pages = all<HTMLAnchorElement>("a.rail-link, a[data-command]").map((link) => ({
      label: link.dataset.command ?? link.textContent?.trim() ?? "", kind: "Page", go: () => location.assign(link.href),
    }));
    const actions = all<HTMLButtonElement>("button[data-command]:not(:disabled)").map((button) => ({
      label: button.dataset.command ?? "", kind: "Action", go: () => button.click(),
    }));
    return [...actions, ...pages, ...(this.pipelines ?? [])];
  }

  private draw(): void {
    if (!this.input || !this.list) return;
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.shown = this.entries().filter((entry) => words.every((word) => entry.label.toLowerCase().includes(word))).slice(0, 60);
    this.at = 0;
    const items = this.shown.map((entry, at) =>
      el("li", { role: "option", id: `palette-${at}`, "data-at": String(at) }, icon("arrow-right"), el("span", { class: "clip" }, entry.label), el("span", { class: "push" }, entry.kind)));
    this.list.replaceChildren(...items);
    if (items.length === 0) this.list.append(el("li", { class: "palette-none", role: "presentation" }, "Nothing of that name."));
    this.mark();
  }

  private mark(): void {
    for (const item of all<HTMLElement>("li[data-at]", this.list ?? document)) {
      const isAt = Number(item.dataset.at) === this.at;
      item.setAttribute("aria-selected", String(isAt));
      if (isAt) item.scrollIntoView({ block: "nearest" });
    }
    this.input?.setAttribute("aria-activedescendant", `palette-${this.at}`);
  }

  private inputKey(event: KeyboardEvent): void {
    if (event.key === "Enter") this.choose(this.at);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const count = Math.max(1, this.shown.length);
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + count) % count;
      this.mark();
    } else return;
    event.preventDefault();
  }

  private choose(at: number): void {
    this.dialog?.close();
    this.shown[at]?.go();
  }
}
