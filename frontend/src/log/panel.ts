import { copyText } from "../lib/clipboard";
import { all, closest, find, isTyping } from "../lib/dom";
import { formatBytes, formatCount } from "../lib/format";
import { toast } from "../lib/toast";
import { parseHash } from "./marks";
import { ROW_HEIGHT } from "./screen";
import { LogSource, type LogStore, type SearchResult } from "./source";
import { LogViewer } from "./viewer";

const WRAP_KEY = "powernode.log.wrap";
const TIMES_KEY = "powernode.log.times";

/** Makes what a log is read from, of the addresses that the frame names. */
export type MakeStore = (url: string, socketUrl: string, execution: string) => LogStore;

const makeSource: MakeStore = (url, socketUrl, execution) => new LogSource(url, socketUrl, execution);

interface Shown {
  id: string;
  name: string;
  openAtLine: number | null;
}

/** The log of a run's page: the frame around a viewer, with its tools and keys. */
export class LogPanel {
  private viewer: LogViewer | null = null;
  private shown: Shown | null = null;
  private result: SearchResult = { total: 0, lines: [] };
  private at = -1;
  private searching: AbortController | null = null;
  private timer = 0;
  private readonly scroller: HTMLElement;

  constructor(private readonly root: HTMLElement, private readonly makeStore: MakeStore = makeSource) {
    const scroller = find<HTMLElement>("[data-log-scroller]", root);
    if (!scroller) throw new Error("the log panel has no scroller");
    this.scroller = scroller;
    root.addEventListener("click", (event) => this.clicked(event));
    this.field?.addEventListener("input", () => this.searchSoon());
    this.field?.addEventListener("keydown", (event) => this.searchKey(event));
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("fullscreenchange", () => root.classList.toggle("is-full", document.fullscreenElement === root));
    this.press("times", localStorage.getItem(TIMES_KEY) === "1");
    this.press("wrap", localStorage.getItem(WRAP_KEY) === "1");
    root.classList.toggle("has-times", localStorage.getItem(TIMES_KEY) === "1");
  }

  /** Show the log of an attempt; the one shown before is let go. */
  show(execution: Shown): void {
    this.viewer?.close();
    this.shown = execution;
    const { api, socket, raw } = this.root.dataset;
    const url = (api ?? "").replace("EXECUTION", execution.id);
    const hash = parseHash(location.hash);
    this.say("loading");
    const viewer = new LogViewer({
      scroller: this.scroller,
      source: this.makeStore(url, (socket ?? "").replace("EXECUTION", execution.id), execution.id),
      target: hash,
      openAtLine: execution.openAtLine,
      events: {
        onState: (state, detail) => this.say(state, detail),
        onFollow: (isFollowing) => this.followed(isFollowing),
        onTotal: (lines, bytes) => this.total(lines, bytes),
      },
    });
    this.viewer = viewer;
    find("[data-log-title]", this.root)?.replaceChildren(execution.name);
    for (const link of all<HTMLAnchorElement>("[data-log-raw]", this.root)) link.href = raw?.replace("EXECUTION", execution.id) ?? `${url}?download=1`;
    viewer.setWrap(localStorage.getItem(WRAP_KEY) === "1");
    viewer.open().catch((error: unknown) => this.say("failed", error instanceof Error ? error.message : String(error)));
    if (this.field?.value) this.searchSoon();
  }

  /** Read the log anew: after a failure to load it, or to be sure. */
  private reload(): void {
    if (this.shown) this.show(this.shown);
  }

  private get field(): HTMLInputElement | null {
    return find<HTMLInputElement>("[data-log-search]", this.root);
  }

  private clicked(event: MouseEvent): void {
    const number = closest<HTMLElement>(event, ".log-no");
    const row = closest<HTMLElement>(event, ".log-row");
    if (number && row) {
      event.preventDefault();
      this.point(Number(row.dataset.line), event.shiftKey);
      return;
    }
    const fold = closest<HTMLElement>(event, "[data-fold]");
    if (fold) this.run(this.viewer?.toggleFold(Number(fold.dataset.fold)));
    const action = closest<HTMLElement>(event, "[data-log-action]")?.dataset.logAction;
    if (action) this.act(action);
  }

  private act(action: string): void {
    const actions: Record<string, () => void> = {
      end: () => this.viewer?.jump("end"),
      times: () => this.toggleTimes(),
      wrap: () => this.toggleWrap(),
      full: () => this.toggleFull(),
      next: () => this.step(1),
      previous: () => this.step(-1),
      link: () => this.copyLink(),
      copy: () => this.copyLines(),
      reload: () => this.reload(),
    };
    actions[action]?.();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return;
    const page = this.scroller.clientHeight - 2 * ROW_HEIGHT;
    const focused = this.root.contains(document.activeElement);
    const keys: Record<string, () => void> = {
      f: () => this.viewer?.setFollow(!this.viewer.follows),
      "/": () => this.field?.focus(),
      n: () => this.step(1),
      N: () => this.step(-1),
      e: () => this.run(this.nextError()),
      G: () => this.viewer?.jump("end"),
      y: () => this.copyLines(),
    };
    const here: Record<string, () => void> = {
      g: () => this.viewer?.jump("start"),
      ArrowDown: () => this.viewer?.scrollBy(2 * ROW_HEIGHT),
      ArrowUp: () => this.viewer?.scrollBy(-2 * ROW_HEIGHT),
      PageDown: () => this.viewer?.scrollBy(page),
      PageUp: () => this.viewer?.scrollBy(-page),
      Home: () => this.viewer?.jump("start"),
      End: () => this.viewer?.jump("end"),
    };
    const action = keys[event.key] ?? (focused || event.key === "g" ? here[event.key] : undefined);
    if (!action || (event.key === "g" && !focused)) return;
    event.preventDefault();
    action();
  }

  private searchKey(event: KeyboardEvent): void {
    if (event.key === "Enter") {
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && this.field) {
      this.field.value = "";
      this.field.blur();
      this.searchSoon();
    }
  }

  private searchSoon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.run(this.searchNow()), 220);
  }

  private async searchNow(): Promise<void> {
    this.searching?.abort();
    const controller = new AbortController();
    this.searching = controller;
    const viewer = this.viewer;
    if (!viewer) return;
    this.result = await viewer.search(this.field?.value ?? "", controller.signal);
    this.at = -1;
    this.showHits();
    if (this.result.lines.length > 0) this.step(1);
  }

  private step(by: number): void {
    const count = this.result.lines.length;
    if (count === 0) return;
    this.at = (this.at + by + count) % count;
    const line = this.result.lines[this.at];
    this.showHits();
    if (line !== undefined && this.viewer) {
      this.viewer.select(line, false);
      this.run(this.viewer.showLine(line));
    }
  }

  private showHits(): void {
    const output = find<HTMLElement>("[data-log-hits]", this.root);
    if (!output) return;
    const hasQuery = (this.field?.value ?? "") !== "";
    output.textContent = !hasQuery ? "" : this.result.total === 0 ? "No hits" : `${this.at + 1}/${formatCount(this.result.total)}`;
    for (const button of all<HTMLButtonElement>("[data-log-action=next],[data-log-action=previous]", this.root)) {
      button.hidden = this.result.lines.length === 0;
    }
  }

  private async nextError(): Promise<void> {
    if (this.viewer && !(await this.viewer.nextError())) toast("No further error line; the next press starts from the top.", "info");
  }

  private point(line: number, isRange: boolean): void {
    if (!this.viewer) return;
    history.replaceState(history.state, "", this.viewer.select(line, isRange));
    this.viewer.setFollow(false);
    for (const button of all<HTMLButtonElement>("[data-log-action=link]", this.root)) button.hidden = false;
  }

  private copyLink(): void {
    this.run(copyText(location.href).then(() => toast("Link copied.", "success")));
  }

  private copyLines(): void {
    const copied = this.viewer?.copy();
    if (!copied) return;
    this.run(copyText(copied.then(({ text }) => text)).then(async () => {
      const { lines, isShort } = await copied;
      const count = `${formatCount(lines)} ${lines === 1 ? "line" : "lines"} copied.`;
      toast(isShort ? `${count} The log is longer: download it to have all of it.` : count, isShort ? "info" : "success");
    }));
  }

  private toggleTimes(): void {
    const isOn = this.root.classList.toggle("has-times");
    localStorage.setItem(TIMES_KEY, isOn ? "1" : "0");
    this.press("times", isOn);
  }

  private toggleWrap(): void {
    const isOn = localStorage.getItem(WRAP_KEY) !== "1";
    localStorage.setItem(WRAP_KEY, isOn ? "1" : "0");
    this.press("wrap", isOn);
    this.viewer?.setWrap(isOn);
  }

  private toggleFull(): void {
    this.run(document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen());
  }

  private press(action: string, isOn: boolean): void {
    find(`[data-log-action=${action}]`, this.root)?.setAttribute("aria-pressed", String(isOn));
  }

  private followed(isFollowing: boolean): void {
    const button = find<HTMLElement>("[data-log-end]", this.root);
    if (button) button.hidden = isFollowing || (this.viewer?.isComplete ?? true);
  }

  private total(lines: number, bytes: number): void {
    const output = find<HTMLElement>("[data-log-total]", this.root);
    if (output) output.textContent = lines === 0 ? "" : `${formatCount(lines)} ${lines === 1 ? "line" : "lines"} · ${formatBytes(bytes)}`;
    const empty = find<HTMLElement>("[data-log-empty]", this.root);
    if (empty) empty.hidden = lines > 0;
  }

  private say(state: string, detail = ""): void {
    const output = find<HTMLElement>("[data-log-state]", this.root);
    if (!output) return;
    const words: Record<string, string> = {
      loading: "Loading…", connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", complete: "", closed: "",
      failed: `The log could not be loaded. ${detail}`,
    };
    output.dataset.state = state;
    output.hidden = (words[state] ?? "") === "";
    output.textContent = words[state] ?? "";
    const empty = find<HTMLElement>("[data-log-empty]", this.root);
    if (empty) empty.textContent = state === "complete" ? "Nothing was written." : state === "failed" ? (words.failed ?? "") : "Waiting for the first line…";
    if (state === "complete") this.followed(true);
  }

  private run(work: Promise<unknown> | undefined): void {
    work?.catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "AbortError") return;
      toast(error instanceof Error ? error.message : String(error), "error");
    });
  }
}
