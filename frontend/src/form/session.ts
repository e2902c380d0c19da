// What the form knows while it is open: the document's tree, the linter's words, what is unfolded.

import type { Schema } from "./schema";
import type { Coming } from "./times";
import { isObject, type Value } from "./render";
import { rulesOf } from "./triggers";
import { type Path, readTree, type Tree, valueAt } from "./places";

export interface Finding {
  severity: "error" | "warning" | "info";
  code: string;
  message: string;
  line: number;
  column: number;
  pointer: string;
  remedy: string | null;
}

export interface StepType {
  type: string;
  title: string;
  description: string;
  keys: string[];
  schema: Schema;
  example: { [key: string]: Value };
}

export interface Person {
  id: string;
  name: string;
  email: string;
}

export interface Facts {
  types: StepType[];
  people: Person[];
  secrets: string[];
  isReadOnly: boolean;
}

export class Session {
  tree: Tree = readTree("");
  findings: Finding[] = [];
  /** Pointers of what is unfolded. */
  readonly opened = new Set<string>();
  /** Pointers of fields that take an expression instead of their own kind of value. */
  readonly expressions = new Set<string>();
  /** What was typed and cannot be put into the document yet, with the reason. */
  readonly pending = new Map<string, { text: string; problem: string }>();
  /** What is typed in the fields that add a step, by the list's pointer. */
  readonly drafts = new Map<string, { name: string; type: string }>();
  /** What the server said of cron expressions, by zone and expression. */
  readonly times = new Map<string, Coming>();
  isDrawing = false;
  redraw: () => void = () => undefined;
  private readonly types: Map<string, StepType>;

  constructor(readonly facts: Facts) {
    this.types = new Map(facts.types.map((each) => [each.type, each]));
  }

  get isLocked(): boolean {
    return this.facts.isReadOnly || this.tree.problem !== null;
  }

  typeOf(name: unknown): StepType | undefined {
    return typeof name === "string" ? this.types.get(name) : undefined;
  }

  value(path: Path): Value | undefined {
    return valueAt(this.tree.value, path);
  }

  text(path: Path): string {
    const value = this.value(path);
    return value === undefined || value === null || typeof value === "object" ? "" : String(value);
  }

  /** Unfold what holds a place. */
  unfold(pointer: string): void {
    for (const match of pointer.matchAll(/\/(?:steps|finally|parallel)\/\d+/g)) this.opened.add(pointer.slice(0, match.index + match[0].length));
  }

  /** Whether the document still has a time with this expression. */
  isShown(cron: string): boolean {
    const entries = rulesOf(this.value(["on"]))["schedule"]?.["entries"];
    return Array.isArray(entries) && entries.some((entry) => isObject(entry) && entry["cron"] === cron);
  }

  /** The findings at a place, and below it when asked. */
  found(path: Path, isBelow = false): Finding[] {
    const pointer = pointerOf(path);
    return this.findings.filter((each) => each.pointer === pointer || (isBelow && each.pointer.startsWith(`${pointer}/`)));
  }

  /** Items of a list changed places or went: what was remembered by its place follows. */
  reorder(path: Path, from: number, to: number | null): void {
    const prefix = `${pointerOf(path)}/`;
    const moved = (pointer: string): string | null => {
      if (!pointer.startsWith(prefix)) return pointer;
      const [index = "", ...rest] = pointer.slice(prefix.length).split("/");
      const at = Number(index);
      const now = at === from ? to : to === null ? at - Number(at > from) : at === to ? from : at;
      return now === null ? null : prefix + [now, ...rest].join("/");
    };
    for (const set of [this.opened, this.expressions]) {
      const kept = [...set].map(moved).filter((each) => each !== null);
      set.clear();
      for (const each of kept) set.add(each);
    }
    this.pending.clear();
  }
}

export function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
