// Saved filters and the choice of columns of the lists, kept in this browser for each person.

import { all, el, find, icon, meta } from "./dom";
import { toast } from "./toast";

interface View {
  name: string;
  query: string;
}

// More would be no choice any more.
const MOST_VIEWS = 30;
const LONGEST_NAME = 60;

/** Give each list with filters its two menus; without a script the list is there all the same. */
export function startViews(): void {
  for (const form of all<HTMLFormElement>("form.filter-bar[data-filters]")) {
    const columns = new Columns(form);
    const tools = el("div", { class: "list-tools" }, savedFilters(form), columns.menu);
    // What is done here is no filter.
    for (const type of ["change", "input", "keydown"]) tools.addEventListener(type, (event) => keepInside(event));
    form.append(tools);
  }
}

function keepInside(event: Event): void {
  const isText = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (event instanceof KeyboardEvent && (!isText || event.key === "Escape")) return;
  event.stopPropagation();
}

// Saved filters.

function savedFilters(form: HTMLFormElement): HTMLElement {
  const key = keyOf("views", meta("account"));
  const list = el("div", { class: "menu-list" });
  const menu = menuOf(icon("bookmark"), "Saved filters", list);
  const draw = (): void => list.replaceChildren(...lines(form, key, () => {
    draw();
    // What had the focus is gone.
    find<HTMLElement>("summary", menu)?.focus();
  }));
  menu.addEventListener("toggle", () => {
    if (menu.open) draw();
  });
  return menu;
}

function lines(form: HTMLFormElement, key: string, draw: () => void): HTMLElement[] {
  const views = readViews(key);
  const now = queryOf(form);
  const keep = (left: View[]): void => {
    write(key, left);
    draw();
  };
  const rows = views.map((view) => {
    const forget = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-s", "aria-label": `Forget ${view.name}` }, icon("x"));
    forget.addEventListener("click", () => keep(views.filter((each) => each !== view)));
    const link = el("a", { class: "menu-item", href: `${form.action}?${view.query}`, ...(view.query === now ? { "aria-current": "true" } : {}) }, el("span", { class: "clip" }, view.name));
    return el("div", { class: "view-line" }, link, forget);
  });
  if (now === "") return rows.length > 0 ? rows : [el("div", { class: "menu-note" }, "Set a filter, give it a name here, and find it again.")];
  return [...rows, ...(rows.length > 0 ? [el("div", { class: "menu-gap" })] : []), saver(views, now, keep)];
}

function saver(views: View[], query: string, keep: (left: View[]) => void): HTMLElement {
  const name = el("input", { class: "form-control", "aria-label": "Name of these filters", placeholder: "Name of these filters", maxlength: String(LONGEST_NAME), autocomplete: "off" });
  const button = el("button", { type: "button", class: "btn btn-s" }, "Save");
  const save = (): void => {
    const words = name.value.trim();
    if (words === "") return name.focus();
    const others = views.filter((each) => each.name !== words);
    if (others.length >= MOST_VIEWS) return toast(`There are ${MOST_VIEWS} saved filters already. Forget one first.`, "error");
    keep([...others, { name: words, query }].toSorted((one, other) => one.name.localeCompare(other.name)));
  };
  button.addEventListener("click", save);
  name.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    // It would send the filters.
    event.preventDefault();
    save();
  });
  return el("div", { class: "view-save" }, name, button);
}

/** The filters that are set, in an order of their own. */
function queryOf(form: HTMLFormElement): string {
  const given = [...new FormData(form)].filter((each): each is [string, string] => typeof each[1] === "string" && each[1] !== "");
  const query = new URLSearchParams(given);
  query.sort();
  return query.toString();
}

function readViews(key: string): View[] {
  const found = read(key);
  return Array.isArray(found) ? found.filter(isView) : [];
}

function isView(value: unknown): value is View {
  if (typeof value !== "object" || value === null) return false;
  const { name, query } = value as Record<string, unknown>;
  return typeof name === "string" && typeof query === "string";
}

// Columns.

class Columns {
  readonly menu: HTMLDetailsElement;
  private readonly list = el("div", { class: "menu-list" });
  private readonly key = keyOf("columns", "");
  private readonly sheet = "adoptedStyleSheets" in document ? new CSSStyleSheet() : null;
  private hidden: Set<string>;

  constructor(private readonly form: HTMLFormElement) {
    const found = read(this.key);
    this.hidden = new Set(Array.isArray(found) ? found.filter((each) => typeof each === "string") : []);
    this.menu = menuOf(icon("columns-3"), "Columns", this.list);
    if (this.sheet) document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.sheet];
    this.apply();
    document.addEventListener("htmx:afterSettle", () => this.apply());
    document.addEventListener("powernode:part", () => this.apply());
    this.menu.addEventListener("toggle", () => {
      if (this.menu.open) this.draw();
    });
  }

  /** A rule for each column that is hidden: rows that come later obey it, too. */
  private apply(): void {
    const headers = this.headers();
    this.menu.hidden = this.sheet === null || headers.length === 0;
    const rules = headers.filter(({ label }) => this.hidden.has(label))
      .map(({ at }) => `${this.place} table.list tr:not(.peek-row) > :nth-child(${at + 1}) { display: none; }`);
    this.sheet?.replaceSync(rules.join("\n"));
  }

  private draw(): void {
    this.list.replaceChildren(...this.headers().map(({ label }) => {
      const box = el("input", { type: "checkbox" });
      box.checked = !this.hidden.has(label);
      box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(label);
        else this.hidden.add(label);
        write(this.key, [...this.hidden]);
        this.apply();
      });
      return el("label", { class: "menu-check check" }, box, el("span", {}, label));
    }));
  }

  private get place(): string {
    return this.form.getAttribute("hx-target") ?? "#main";
  }

  /** The columns of the page's one table that have a name and can be done without. */
  private headers(): { label: string; at: number }[] {
    const tables = all<HTMLTableElement>(`${this.place} table.list`);
    const [table] = tables;
    if (!table || tables.length > 1) return [];
    const row = find<HTMLTableRowElement>("tbody tr:not(.peek-row)", table);
    return all<HTMLTableCellElement>("thead th", table)
      .map((header, at) => ({ label: find(".visually-hidden", header) ? "" : header.textContent.trim(), at }))
      .filter(({ label, at }) => label !== "" && !row?.cells[at]?.matches(".cell-wide, .verbs, .toggle-cell"));
  }
}

// Both.

function menuOf(sign: SVGSVGElement, words: string, list: HTMLElement): HTMLDetailsElement {
  return el("details", { class: "menu" }, el("summary", { class: "btn btn-quiet" }, sign, words), list);
}

function keyOf(what: string, account: string): string {
  return ["powernode", what, meta("person"), account, location.pathname].join(".");
}

function read(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    // A browser that keeps nothing, or what another version of this page kept.
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    toast("This browser keeps nothing: the choice goes with the page.", "error");
  }
}
