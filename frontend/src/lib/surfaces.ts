import { copyText } from "./clipboard";
import { all, closest, find } from "./dom";
import { toast } from "./toast";

const MENU_KEYS = new Set(["ArrowDown", "ArrowUp", "Home", "End"]);

/** Menus, dialogs, the drawer, copy buttons, the theme and forms that ask before they send. */
export function startSurfaces(): void {
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", menuKeys);
  document.addEventListener("submit", submitted);
  // One menu at a time; a press elsewhere closes it.
  document.addEventListener("toggle", (event) => {
    const opened = event.target;
    if (!(opened instanceof HTMLDetailsElement) || !opened.open || !opened.matches(".menu")) return;
    for (const menu of all<HTMLDetailsElement>("details.menu[open]")) if (menu !== opened) menu.open = false;
    placeMenu(opened);
  }, true);
  // What lies above a scrolling box follows it.
  document.addEventListener("scroll", () => {
    for (const menu of all<HTMLDetailsElement>(".table-scroll details.menu[open]")) placeMenu(menu);
  }, { passive: true, capture: true });
  document.addEventListener("pointerdown", (event) => {
    for (const menu of all<HTMLDetailsElement>("details.menu[open]")) {
      if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    }
  });
  openDialogs();
  document.addEventListener("htmx:afterSettle", openDialogs);
  markTheme();
}

// Those that show as soon as they come, with the page or later.
function openDialogs(): void {
  for (const dialog of all<HTMLDialogElement>("dialog[data-open]")) {
    dialog.removeAttribute("data-open");
    openDialog(dialog);
  }
}

/** A menu in a table would be cut off by the box that the table scrolls in: it lies above it. */
function placeMenu(menu: HTMLDetailsElement): void {
  const list = find<HTMLElement>(".menu-list", menu);
  if (!list || !menu.closest(".table-scroll")) return;
  const box = menu.getBoundingClientRect();
  list.style.position = "fixed";
  list.style.right = "auto";
  const { width, height } = list.getBoundingClientRect();
  const below = box.bottom + 5;
  const fits = below + height <= innerHeight - 4 || box.top < height + 9;
  list.style.top = `${fits ? below : box.top - height - 5}px`;
  list.style.left = `${Math.max(6, Math.min(box.right - width, innerWidth - width - 6))}px`;
}

function clicked(event: MouseEvent): void {
  // First, so that a dialog that opens gives the focus back to where the menu was.
  const menu = closest<HTMLElement>(event, ".menu-item")?.closest<HTMLDetailsElement>("details.menu[open]");
  if (menu) {
    find<HTMLElement>("summary", menu)?.focus();
    menu.open = false;
  }
  const opener = closest<HTMLElement>(event, "[data-dialog]");
  if (opener) {
    event.preventDefault();
    openDialog(find<HTMLDialogElement>(`#${opener.dataset.dialog}`));
  }
  const closer = closest<HTMLElement>(event, "[data-close]");
  if (closer) closer.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && event.target.matches(".dialog")) event.target.close();
  const copier = closest<HTMLElement>(event, "[data-copy], [data-copy-from]");
  if (copier) copy(copier);
  const theme = closest<HTMLElement>(event, "[data-theme-set]");
  if (theme) {
    localStorage.setItem("powernode.theme", theme.dataset.themeSet ?? "auto");
    document.dispatchEvent(new CustomEvent("powernode:theme"));
    markTheme();
  }
  if (closest(event, "[data-drawer]")) toggleDrawer();
}

function openDialog(dialog: HTMLDialogElement | null): void {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  // The first thing to fill in, or else the harmless answer; never the button that acts.
  find<HTMLElement>(".has-error input, .dialog-body input:not([type=hidden]), .dialog-body select, .dialog-body textarea, .dialog-foot [data-close]", dialog)?.focus();
}

function markTheme(): void {
  const choice = document.documentElement.dataset.themeChoice ?? "auto";
  for (const button of all("[data-theme-set]")) {
    button.toggleAttribute("aria-current", button.getAttribute("data-theme-set") === choice);
  }
}

function copy(source: HTMLElement): void {
  const from = source.dataset.copyFrom ? find<HTMLElement>(source.dataset.copyFrom) : null;
  const text = from ? (from instanceof HTMLInputElement || from instanceof HTMLTextAreaElement ? from.value : from.innerText) : (source.dataset.copy ?? "");
  copyText(text).then(
    () => {
      source.classList.add("is-copied");
      toast("Copied.", "success");
      window.setTimeout(() => source.classList.remove("is-copied"), 1500);
    },
    (error: unknown) => toast(error instanceof Error ? error.message : String(error), "error"),
  );
}

function toggleDrawer(): void {
  const rail = find<HTMLElement>("#rail");
  const backdrop = find<HTMLElement>(".rail-backdrop");
  if (!rail || !backdrop) return;
  const isOpen = rail.classList.toggle("is-open");
  backdrop.hidden = !isOpen;
  find("[data-drawer][aria-expanded]")?.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) find<HTMLElement>("a, summary", rail)?.focus();
}

function menuKeys(event: KeyboardEvent): void {
  if (event.key === "Escape" && find("#rail.is-open")) toggleDrawer();
  const menu = event.target instanceof Element ? event.target.closest<HTMLDetailsElement>("details.menu") : null;
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    find<HTMLElement>("summary", menu)?.focus();
    event.preventDefault();
    return;
  }
  if (!MENU_KEYS.has(event.key) || (!menu.open && event.key !== "ArrowDown")) return;
  menu.open = true;
  placeMenu(menu);
  const items = all<HTMLElement>(".menu-item, .menu-check > input", menu);
  const at = items.findIndex((item) => item === document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key] ?? 0;
  items[(next + items.length) % items.length]?.focus({ preventScroll: menu.closest(".table-scroll") !== null });
  event.preventDefault();
}

// A form that destroys something says what in `data-confirm`; it is sent after a second press.
function asked(form: HTMLFormElement): boolean {
  const dialog = find<HTMLDialogElement>("#confirm");
  const yes = find<HTMLButtonElement>("#confirm-yes");
  if (form.dataset.confirm === undefined || "confirmed" in form.dataset || !dialog || !yes) return false;
  find("#confirm-title")?.replaceChildren(form.dataset.confirm);
  find("#confirm-text")?.replaceChildren(form.dataset.confirmText ?? "");
  yes.textContent = form.dataset.confirmLabel ?? "Do it";
  yes.onclick = () => {
    form.dataset.confirmed = "";
    dialog.close();
    form.requestSubmit();
  };
  openDialog(dialog);
  return true;
}

function submitted(event: SubmitEvent): void {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  if (asked(form)) {
    event.preventDefault();
    return;
  }
  // A second press must not start a second run; the page that follows has fresh buttons.
  if (form.method === "post" && !form.hasAttribute("hx-post")) {
    const buttons = all<HTMLButtonElement>("button[type=submit], button:not([type])", form);
    window.setTimeout(() => {
      if (!event.defaultPrevented) for (const button of buttons) button.disabled = true;
    });
  }
}

window.addEventListener("pageshow", (event) => {
  // Back from the browser's cache: the buttons are wanted again.
  if (event.persisted) for (const button of all<HTMLButtonElement>("form button:disabled")) button.disabled = false;
});
