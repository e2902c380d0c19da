// Where the parts of a document stand in its text.

import { type Document, isMap, isPair, isScalar, isSeq, type Node, type Pair, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";
import { isObject, type Value } from "./render";

export type Path = readonly (string | number)[];

export interface Tree {
  text: string;
  /** The document's value; an empty object while it is empty or broken. */
  value: { [key: string]: Value };
  /** Why the form cannot show it; null when it can. */
  problem: { message: string; line: number } | null;
  root: Node | null;
}

let latest: Tree | null = null;

/** Read a text; never throws. The latest one is kept: edits read what was just drawn. */
export function readTree(text: string): Tree {
  if (latest?.text !== text) latest = read(text);
  return latest;
}

function read(text: string): Tree {
  const broken = (message: string, at: number): Tree =>
    ({ text, value: {}, root: null, problem: { message, line: text.slice(0, at).split("\n").length } });
  const doc: Document.Parsed = parseDocument(text, { keepSourceTokens: true, prettyErrors: false, logLevel: "error" });
  const error = doc.errors[0];
  if (error) return broken(error.message, error.pos[0]);
  const root = doc.contents as Node | null;
  if (root === null || (isScalar(root) && root.value === null && root.source === "")) return { text, value: {}, root: null, problem: null };
  if (!isMap(root)) return broken("A pipeline is an object: start with `name:`.", root.range?.[0] ?? 0);
  try {
    return { text, value: doc.toJS() as { [key: string]: Value }, root, problem: null };
  } catch (reason) {
    return broken(reason instanceof Error ? reason.message : String(reason), 0);
  }
}

/** The value at a place; undefined where there is none. */
export function valueAt(value: Value | undefined, path: Path): Value | undefined {
  let found: Value | undefined = value;
  for (const part of path) {
    if (Array.isArray(found)) found = found[Number(part)];
    else if (isObject(found) && Object.hasOwn(found, String(part))) found = found[String(part)];
    else return undefined;
  }
  return found;
}

export interface Place {
  holder: YAMLMap | YAMLSeq;
  at: number;
  part: Pair<Node | null, Node | null> | Node;
}

export type Item = Pair<Node | null, Node | null>;

export function nodeAt(tree: Tree, path: Path): Node | null {
  if (path.length === 0) return tree.root;
  const place = find(tree, path);
  if (!place) return null;
  return isPair(place.part) ? place.part.value as Node | null : place.part;
}

export function find(tree: Tree, path: Path): Place | null {
  let node: Node | null = tree.root;
  let place: Place | null = null;
  for (const part of path) {
    if (isMap(node)) {
      const at = node.items.findIndex((each) => keyOf(each) === String(part));
      const found = node.items[at] as Item | undefined;
      if (!found) return null;
      place = { holder: node, at, part: found };
      node = found.value;
    } else if (isSeq(node) && typeof part === "number") {
      const found = node.items[part] as Node | undefined;
      if (!found) return null;
      place = { holder: node, at: part, part: found };
      node = found;
    } else return null;
  }
  return place;
}

export function keyOf(each: Pair): string | null {
  return isScalar(each.key) ? String(each.key.value) : null;
}

/** Whether a place is written in a way that we do not touch: an explicit key, a key with an anchor. */
export function isClosed({ part }: Place): boolean {
  if (!isPair(part)) return false;
  const start = part.srcToken && "start" in part.srcToken ? part.srcToken.start : [];
  return start.some((token) => token.type === "explicit-key-ind" || token.type === "anchor" || token.type === "tag") || colonOf(part) === null;
}

export function colonOf(each: Pair): number | null {
  return each.srcToken?.sep?.find((token) => token.type === "map-value-ind")?.offset ?? null;
}

/** Where the dashes of a block list stand. */
export function dashes(node: YAMLSeq): number[] {
  const token = node.srcToken;
  if (token?.type !== "block-seq") return [];
  return token.items.flatMap((each) => each.start.filter((start) => start.type === "seq-item-ind").map((start) => start.offset));
}

export function endOf(text: string, node: Node | null | undefined, otherwise: number): number {
  if (!node?.range) return otherwise;
  const [start, end] = node.range;
  if ((isMap(node) || isSeq(node)) && !node.flow) return endOfLast(text, node, end);
  if (isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED")) {
    const whole = text.slice(start, end);
    // With `+` the empty lines at the end are part of the text.
    return start + (/^[|>]\d?\+/.test(whole) ? whole.replace(/\r?\n$/, "") : whole.trimEnd()).length;
  }
  return start === end ? otherwise : end;
}

function endOfLast(text: string, node: YAMLMap | YAMLSeq, otherwise: number): number {
  const last = node.items.at(-1);
  if (isMap(node) && last) return endOfPair(text, last as Item);
  if (isSeq(node) && last) return endOf(text, last as Node, (dashes(node).at(-1) ?? otherwise) + 1);
  return otherwise;
}

export function endOfPair(text: string, each: Item): number {
  const colon = colonOf(each);
  return endOf(text, each.value, colon === null ? each.key?.range?.[1] ?? 0 : colon + 1);
}

export function lineStart(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  if (end < 0) return text.length;
  return end > at && text[end - 1] === "\r" ? end - 1 : end;
}

export function nextLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

export function eolOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

export function splice(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}

export function startOf(each: Pair | Node): number {
  const node = isPair(each) ? each.key as Node | null : each;
  return node?.range?.[0] ?? 0;
}

/** The column at which an object's keys stand; null when one line does not tell. */
export function columnOf(text: string, node: YAMLMap): number | null {
  for (const each of node.items) {
    const start = startOf(each);
    const before = text.slice(lineStart(text, start), start);
    if (/^[ -]*$/.test(before)) return before.length;
  }
  return null;
}
