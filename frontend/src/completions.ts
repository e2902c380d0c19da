import { ON_KEYS, STEP_KEYS, TOP_KEYS } from "./form/keys";

/** What the server tells of each step type: its name, a sentence, and the keys of `with`. */
export type StepTypeWords = { type: string; description: string; keys: string[] }[];

export interface Completions {
  typed: string;
  options: { label: string; apply?: string; detail?: string; type: string }[];
}

/** What may stand where the text before the cursor ends; null where free text is meant. */
export function completionsAt(before: string, words: StepTypeWords): Completions | null {
  const lines = before.split("\n");
  const line = lines.at(-1) ?? "";
  const uses = /^\s*(?:- )?(?:\{.*\b)?uses:\s*([\w-]*)$/.exec(line);
  if (uses) {
    return { typed: uses[1] ?? "", options: words.map((word) => ({ label: word.type, detail: word.description, type: "class" })) };
  }
  const key = /^(\s*)(- )?([\w-]*)$/.exec(line);
  if (!key) return null;
  const indent = (key[1] ?? "").length;
  const typed = key[3] ?? "";
  const parent = indent === 0 && !key[2] ? "" : parentOf(lines.slice(0, -1), indent, Boolean(key[2]));
  const names = parent === "" ? TOP_KEYS : parent === "on" ? ON_KEYS : parent === "with" ? withKeys(lines, words) : isStepList(parent) ? STEP_KEYS : null;
  return names && { typed, options: names.map((name) => ({ label: name, apply: `${name}: `, type: "property" })) };
}

function isStepList(parent: string): boolean {
  return parent === "steps" || parent === "finally" || parent === "parallel";
}

function parentOf(lines: string[], indent: number, isItem: boolean): string {
  let limit = indent;
  for (const line of lines.toReversed()) {
    const match = /^(\s*)((?:- )?)([\w-]+):/.exec(line);
    if (!match) continue;
    const itemIndent = (match[1] ?? "").length;
    const own = itemIndent + (match[2] ?? "").length;
    if (own < limit || (isItem && own === limit && !match[2])) return match[3] ?? "";
    // A key of the same item: what holds the item is further out than its dash.
    if (own === limit && match[2]) limit = itemIndent + 1;
  }
  return "";
}

function withKeys(lines: string[], words: StepTypeWords): string[] | null {
  for (const line of lines.toReversed()) {
    const match = /\buses:\s*([\w-]+)/.exec(line);
    if (match) return words.find((word) => word.type === match[1])?.keys ?? null;
    if (/^\s*- /.test(line)) return null;
  }
  return null;
}
