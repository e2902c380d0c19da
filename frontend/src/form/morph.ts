// Brings a drawn form up to date without touching the field that somebody types in.

interface Plan {
  says: string;
  build: () => Element;
}

const LAZY = "data-lazy";
const plans = new WeakMap<Element, Plan>();
// What was drawn of a plan stays while the next one says the same.
const drawn = new WeakMap<Element, string>();

/** An element that is built only where none that says the same stands already. */
export function lazy(tag: string, id: string, says: string, build: () => Element): Element {
  const stub = document.createElement(tag);
  stub.id = id;
  stub.setAttribute(LAZY, "");
  plans.set(stub, { says, build });
  return stub;
}

/** Make the children of one element those of another; elements with the same key stay. */
export function morph(target: Element, wanted: Element): void {
  const oldKeys = keys(target);
  const known = new Map([...oldKeys].map(([element, key]) => [key, element]));
  const wantedKeys = keys(wanted);
  const stays = new Set(wantedKeys.values());
  const isStale = (node: ChildNode): boolean => !(node instanceof Element) || !stays.has(oldKeys.get(node) ?? "");
  let next: ChildNode | null = target.firstChild;
  for (const child of [...wanted.childNodes]) {
    const same = child instanceof Element ? known.get(wantedKeys.get(child) ?? "") : undefined;
    if (same && child instanceof Element) {
      // To move an element takes the focus out of it; what is in its way goes instead.
      while (next && next !== same && isStale(next)) next = removed(next);
      if (same === next) next = next.nextSibling;
      else target.insertBefore(same, next);
      renew(same, child);
    } else if (child instanceof Text && next instanceof Text) {
      if (next.data !== child.data) next.data = child.data;
      next = next.nextSibling;
    } else target.insertBefore(child instanceof Element ? built(child) : child, next);
  }
  while (next) next = removed(next);
}

function renew(old: Element, wanted: Element): void {
  const plan = plans.get(wanted);
  if (plan && drawn.get(old) === plan.says) return;
  update(old, plan ? plan.build() : wanted);
  if (plan) drawn.set(old, plan.says);
  else drawn.delete(old);
}

/** An element with all that was only planned of it. */
function built(wanted: Element): Element {
  const plan = plans.get(wanted);
  const made = plan ? plan.build() : wanted;
  for (const stub of [...made.querySelectorAll(`[${LAZY}]`)]) stub.replaceWith(built(stub));
  if (plan) drawn.set(made, plan.says);
  return made;
}

function removed(node: ChildNode): ChildNode | null {
  const following = node.nextSibling;
  node.remove();
  return following;
}

/** Elements without an id are told apart by what they are and where they stand. */
function keys(parent: Element): Map<Element, string> {
  const counts = new Map<string, number>();
  return new Map([...parent.children].map((child) => {
    const count = counts.get(child.tagName) ?? 0;
    if (!child.id) counts.set(child.tagName, count + 1);
    return [child, child.id ? `${child.tagName}#${child.id}` : `${child.tagName} ${count}`];
  }));
}

function update(old: Element, fresh: Element): void {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const isTyped = old === document.activeElement;
  if (old instanceof HTMLInputElement && fresh instanceof HTMLInputElement) {
    if (!isTyped && old.value !== fresh.value) old.value = fresh.value;
    old.checked = fresh.checked;
  } else if (old instanceof HTMLTextAreaElement && fresh instanceof HTMLTextAreaElement) {
    if (!isTyped && old.value !== fresh.value) old.value = fresh.value;
  } else if (old instanceof HTMLSelectElement && fresh instanceof HTMLSelectElement) {
    const value = fresh.value;
    morph(old, fresh);
    old.value = value;
  } else if (old.tagName === "svg") {
    if (old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
  } else morph(old, fresh);
}
