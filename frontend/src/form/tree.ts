// Edits of a document's text by its syntax tree: only the range that changes is written anew.

import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { ON_KEYS, STEP_KEYS, TOP_KEYS } from "./keys";
import { colonOf, columnOf, dashes, endOf, endOfPair, eolOf, find, isClosed, type Item, keyOf, lineEnd, lineStart, nextLine, nodeAt, type Path, type Place, readTree, splice, startOf, type Tree, valueAt } from "./places";
import { flow, isObject, item, pair as pairLines, scalar, type Style, type Value, written } from "./render";

/**
 * The text with a value set at a place; what exists is changed no further than it differs.
 *
 * A text that is broken, or a place behind an alias, is left as it is.
 */
export function put(text: string, path: Path, value: Value): string {
  const tree = readTree(text);
  if (tree.problem) return text;
  const before = valueAt(tree.value, path);
  if (isEqual(before, value)) return text;
  if (isObject(before) && isObject(value) && Object.keys(before).length > 0 && Object.keys(value).length > 0) return putMembers(text, path, before, value);
  if (Array.isArray(before) && Array.isArray(value) && before.length > 0 && value.length > 0) return putItems(text, path, before, value);
  return write(tree, path, value);
}

/**
 * The text without a place. An object or list that it leaves empty goes too, as far up as `keep`
 * parts of the path; what is kept stays as `{}` or `[]`.
 */
export function drop(text: string, path: Path, keep = path.length - 1): string {
  const tree = readTree(text);
  const place = tree.problem ? null : find(tree, path);
  if (!place || isClosed(place)) return text;
  const { holder, at } = place;
  if (holder.items.length === 1 && path.length > 1) {
    const above = path.slice(0, -1);
    if (above.length > keep) return drop(text, above, keep);
    return holder.flow ? removeInFlow(text, holder, at) : write(tree, above, isMap(holder) ? {} : []);
  }
  return holder.flow ? removeInFlow(text, holder, at) : removeInBlock(text, holder, at);
}

/** The text with an item put into a list, which is made when there is none. */
export function insert(text: string, path: Path, index: number, value: Value): string {
  const tree = readTree(text);
  if (tree.problem) return text;
  const node = nodeAt(tree, path);
  if (!isSeq(node) || node.items.length === 0) return put(text, path, [value]);
  return insertItem(text, node, Math.min(index, node.items.length), value);
}

/** The text with an item and its neighbour in each other's place, comments above them included. */
export function swap(text: string, path: Path, index: number, by: -1 | 1): string {
  const tree = readTree(text);
  const node = tree.problem ? null : nodeAt(tree, path);
  if (!isSeq(node)) return text;
  const [low, high] = [Math.min(index, index + by), Math.max(index, index + by)];
  if (low < 0 || high >= node.items.length) return text;
  const extent = (at: number): [number, number] => (node.flow ? inlineExtent(text, node, at) : blockExtent(text, node, at));
  const first = extent(low);
  const second = extent(high);
  return text.slice(0, first[0]) + text.slice(...second) + text.slice(first[1], second[0]) + text.slice(...first) + text.slice(second[1]);
}

/** The text with another name for the key at a place. */
export function rename(text: string, path: Path, name: string): string {
  const tree = readTree(text);
  const place = tree.problem ? null : find(tree, path);
  const key = place && isPair(place.part) && !isClosed(place) ? place.part.key : null;
  if (!place || !isMap(place.holder) || !isScalar(key) || !key.range) return text;
  if (place.holder.items.some((other) => keyOf(other) === name)) return text;
  return splice(text, key.range[0], key.range[1], scalar(name, styleOf(key), true));
}

// How it is done.

function isEqual(one: Value | undefined, other: Value | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function putMembers(text: string, path: Path, before: { [key: string]: Value }, value: { [key: string]: Value }): string {
  let made = text;
  for (const [key, member] of Object.entries(value)) made = put(made, [...path, key], member);
  for (const key of Object.keys(before)) if (!Object.hasOwn(value, key)) made = drop(made, [...path, key]);
  return made;
}

function putItems(text: string, path: Path, before: Value[], value: Value[]): string {
  let head = 0;
  while (head < before.length && head < value.length && isEqual(before[head], value[head])) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < value.length - head && isEqual(before.at(-1 - tail), value.at(-1 - tail))) tail += 1;
  const both = Math.min(before.length, value.length) - head - tail;
  let made = text;
  for (let at = head; at < head + both; at += 1) made = put(made, [...path, at], value[at] ?? null);
  for (let at = before.length - tail - 1; at >= head + both; at -= 1) made = drop(made, [...path, at]);
  for (let at = head + both; at < value.length - tail; at += 1) made = insert(made, path, at, value[at] ?? null);
  return made;
}

function nested(path: Path, value: Value): Value {
  return path.reduceRight<Value>((inner, part) => (typeof part === "number" ? [inner] : { [part]: inner }), value);
}

/** Set a place anew, making what leads to it. */
function write(tree: Tree, path: Path, value: Value): string {
  const { text } = tree;
  if (tree.root === null) return appendFirst(text, nested(path, value));
  for (let depth = 1; depth <= path.length; depth += 1) {
    const here = path.slice(0, depth);
    const place = find(tree, here);
    const inner = nested(path.slice(depth), value);
    if (!place) return insertAt(tree, here, inner);
    if (isClosed(place)) return text;
    const node = isPair(place.part) ? place.part.value as Node | null : place.part;
    if (isAlias(node)) return text;
    const isHolder = (isMap(node) || isSeq(node)) && node.items.length > 0;
    if (depth === path.length || !isHolder) return replace(text, place, inner);
  }
  return text;
}

function appendFirst(text: string, value: Value): string {
  const gap = text === "" || text.endsWith("\n") ? "" : eolOf(text);
  const lines = isObject(value) ? Object.entries(value).flatMap(([key, member]) => pairLines(key, member, 0)) : [];
  return text + gap + lines.map((line) => line + eolOf(text)).join("");
}

function insertAt(tree: Tree, path: Path, value: Value): string {
  const holder = nodeAt(tree, path.slice(0, -1));
  const part = path.at(-1);
  if (isMap(holder)) return insertPair(tree.text, holder, String(part), value, orderOf(path.slice(0, -1)));
  if (isSeq(holder) && typeof part === "number") return insertItem(tree.text, holder, Math.min(part, holder.items.length), value);
  return tree.text;
}

function orderOf(path: Path): readonly string[] {
  if (typeof path.at(-1) === "number" && ["steps", "finally", "parallel"].includes(String(path.at(-2)))) return STEP_KEYS;
  return path.length === 0 ? TOP_KEYS : path.length === 1 && path[0] === "on" ? ON_KEYS : [];
}

/** The index of the member behind which a key belongs; -1: before all. */
function predecessor(node: YAMLMap, key: string, order: readonly string[]): number {
  const rank = order.indexOf(key);
  if (rank < 0) return node.items.length - 1;
  return node.items.findLastIndex((each) => {
    const other = order.indexOf(keyOf(each) ?? "");
    return other >= 0 && other < rank;
  });
}

function insertPair(text: string, node: YAMLMap, key: string, value: Value, order: readonly string[]): string {
  const after = predecessor(node, key, order);
  const before = node.items[after] as Item | undefined;
  if (node.flow) {
    const short = `${scalar(key, "plain", true)}: ${flow(value)}`;
    if (node.items.length === 0) return splice(text, startOf(node) + 1, startOf(node) + 1, short);
    if (before) return splice(text, endOfPair(text, before), endOfPair(text, before), `, ${short}`);
    const first = startOf(node.items[0] as Item);
    return splice(text, first, first, `${short}, `);
  }
  const column = columnOf(text, node);
  if (column === null) return text;
  const eol = eolOf(text);
  const lines = pairLines(key, value, column);
  if (before) {
    const end = lineEnd(text, endOfPair(text, before));
    return splice(text, end, end, eol + lines.join(eol));
  }
  const first = startOf(node.items[0] as Item);
  return splice(text, first, first, lines.join(eol).slice(column) + eol + " ".repeat(column));
}

function insertItem(text: string, node: YAMLSeq, index: number, value: Value): string {
  if (node.flow) {
    const previous = node.items[index - 1] as Node | undefined;
    if (previous) return splice(text, endOf(text, previous, 0), endOf(text, previous, 0), `, ${flow(value)}`);
    const start = startOf(node) + 1;
    return splice(text, start, start, node.items.length > 0 ? `${flow(value)}, ` : flow(value));
  }
  const places = dashes(node);
  const first = places[0];
  if (first === undefined) return text;
  const eol = eolOf(text);
  const lines = item(value, first - lineStart(text, first)).join(eol);
  const dash = places[index - 1];
  if (dash === undefined) return splice(text, lineStart(text, first), lineStart(text, first), lines + eol);
  const end = lineEnd(text, endOf(text, node.items[index - 1] as Node, dash + 1));
  return splice(text, end, end, eol + lines);
}

function styleOf(node: Node | null): Style {
  if (!isScalar(node)) return "plain";
  if (node.type === "QUOTE_SINGLE") return "single";
  if (node.type === "QUOTE_DOUBLE") return "double";
  return node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED" ? "block" : "plain";
}

/** Write a value in the place of another one: its part of the line, then the lines below. */
function replace(text: string, place: Place, value: Value): string {
  const isMember = isPair(place.part);
  const node = isMember ? (place.part as Item).value : place.part as Node;
  const mark = isMember ? colonOf(place.part as Pair) ?? 0 : dashes(place.holder as YAMLSeq)[place.at] ?? 0;
  const style = typeof value === "string" ? styleOf(node) : "plain";
  if (place.holder.flow) {
    const short = isObject(value) || Array.isArray(value) ? flow(value) : scalar(value, style, true);
    const end = endOf(text, node, mark + 1);
    return end === mark + 1 ? splice(text, end, end, ` ${short}`) : splice(text, node?.range?.[0] ?? end, end, short);
  }
  const column = isMember ? columnOf(text, place.holder as YAMLMap) : mark - lineStart(text, mark);
  if (column === null) return text;
  const made = isMember ? written(value, column, keyOf(place.part as Pair) ?? "", style) : asItem(value, column, style);
  const old = extents(text, node, mark + 1);
  const body = made.lines.map((line) => eolOf(text) + line).join("");
  const rest = splice(text, old.body[0], old.body[1], body);
  const head = made.head === "" ? "" : (/\s/.test(text[old.head[0] - 1] ?? "") ? "" : " ") + made.head;
  const from = made.head === "" ? text.slice(0, old.head[0]).trimEnd().length : old.head[0];
  return splice(rest, from, old.head[1], head);
}

function asItem(value: Value, column: number, style: Style): { head: string; lines: string[] } {
  if (!isObject(value) && !Array.isArray(value)) return written(value, column, "-", style);
  const [first = "", ...lines] = item(value, column);
  return { head: first.slice(column + 2), lines };
}

/** What of a value stands on its first line, and what below; both may be empty ranges. */
function extents(text: string, node: Node | null, otherwise: number): { head: [number, number]; body: [number, number] } {
  const end = endOf(text, node, otherwise);
  const none = (at: number): [number, number] => [lineEnd(text, at), lineEnd(text, at)];
  if (!node?.range || end === otherwise) return { head: [otherwise, otherwise], body: none(otherwise) };
  const start = node.range[0];
  if (isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED")) {
    const header = start + (/^[|>][-+\d]*/.exec(text.slice(start))?.[0].length ?? 1);
    return { head: [start, header], body: [lineEnd(text, header), end] };
  }
  const isBlock = (isMap(node) || isSeq(node)) && !node.flow;
  if (!isBlock) return { head: [start, end], body: none(end) };
  // An object in a list begins beside its dash, one below a key on a line of its own.
  if (lineStart(text, start) === lineStart(text, otherwise - 1)) return { head: [start, lineEnd(text, start)], body: [lineEnd(text, start), Math.max(end, lineEnd(text, start))] };
  return { head: [otherwise, otherwise], body: [lineEnd(text, otherwise), end] };
}

function removeInFlow(text: string, holder: YAMLMap | YAMLSeq, at: number): string {
  const [start, end] = inlineExtent(text, holder, at);
  if (holder.items.length === 1) return splice(text, start, end, "");
  const [from, to] = at > 0 ? [inlineExtent(text, holder, at - 1)[1], start] : [end, inlineExtent(text, holder, 1)[0]];
  const between = text.slice(from, to);
  if (!/[\n#]/.test(between)) return at > 0 ? splice(text, from, end, "") : splice(text, start, to, "");
  // Over several lines, with comments: only the part and its comma go.
  const comma = from + between.indexOf(",");
  return at > 0 ? splice(splice(text, start, end, ""), comma, comma + 1, "") : splice(splice(text, comma, comma + 1, ""), start, end, "");
}

function inlineExtent(text: string, holder: YAMLMap | YAMLSeq, at: number): [number, number] {
  const part = holder.items[at] as Item | Node;
  return [startOf(part), isPair(part) ? endOfPair(text, part as Item) : endOf(text, part, startOf(part))];
}

function removeInBlock(text: string, holder: YAMLMap | YAMLSeq, at: number): string {
  const part = holder.items[at] as Item | Node;
  const start = isPair(part) ? startOf(part) : dashes(holder as YAMLSeq)[at] ?? startOf(part);
  const end = isPair(part) ? endOfPair(text, part as Item) : endOf(text, part, start + 1);
  const line = lineStart(text, start);
  const next = nextLine(text, end);
  if (/^ *$/.test(text.slice(line, start))) {
    // The last line of a text without a line end goes with the one before it.
    const isLast = next === text.length && !text.endsWith("\n") && line > 0;
    return isLast ? splice(text, lineEnd(text, line - 1) - (text[line - 2] === "\r" ? 1 : 0), text.length, "") : splice(text, line, next, "");
  }
  // Beside a dash: what comes next moves up.
  const rest = /^[ \r\n]*/.exec(text.slice(next))?.[0].length ?? 0;
  return splice(text, start, next + rest, "");
}

/** The lines of an item with the comments right above it. */
function blockExtent(text: string, node: YAMLSeq, at: number): [number, number] {
  const places = dashes(node);
  const dash = places[at] ?? 0;
  const limit = at > 0 ? nextLine(text, endOf(text, node.items[at - 1] as Node, (places[at - 1] ?? 0) + 1)) : 0;
  let start = lineStart(text, dash);
  while (start > limit && /^[ \t]*#/.test(text.slice(lineStart(text, start - 1), start))) start = lineStart(text, start - 1);
  return [start, lineEnd(text, endOf(text, node.items[at] as Node, dash + 1))];
}
