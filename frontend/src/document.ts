// Edits of a pipeline document's text, line by line: whatever is not understood is left alone.

export interface StepWords {
  name: string;
  uses: string;
  group: string;
  from: number;
  to: number;
}

const plain = /^[A-Za-z][\w ./-]*$/;
const RESERVED = /^(?:true|false|yes|no|on|off|null)$/i;

function quote(value: string): string {
  const trimmed = value.trim();
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return trimmed;
  return plain.test(trimmed) && !RESERVED.test(trimmed) ? trimmed : JSON.stringify(trimmed);
}

function unquote(value: string): string {
  const trimmed = value.trim();
  if (trimmed.startsWith('"')) {
    const end = /^"((?:\\.|[^"\\])*)"/.exec(trimmed);
    return end ? (JSON.parse(`"${end[1]}"`) as string) : trimmed;
  }
  if (trimmed.startsWith("'")) return (/^'((?:''|[^'])*)'/.exec(trimmed)?.[1] ?? trimmed).replaceAll("''", "'");
  return trimmed.replace(/\s+#.*$/, "");
}

/** The scalar of a key at the top of the document, or nothing. */
export function readTop(text: string, key: string): string {
  const match = new RegExp(`^${key}:[ \\t]*(.*)$`, "m").exec(text);
  const value = match?.[1] ?? "";
  return /^[|>{[&*]/.test(value) ? "" : unquote(value);
}

/** The document with a scalar at its top set; an emptied one goes away. */
export function writeTop(text: string, key: string, value: string): string {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`${key}:`));
  const isEmpty = value.trim() === "";
  if (at >= 0) {
    let to = at + 1;
    // A folded or literal text goes on in deeper lines.
    while (/^\w+:[ \t]*[|>]/.test(lines[at] ?? "") && to < lines.length && /^(?:\s|$)/.test(lines[to] ?? "")) to += 1;
    lines.splice(at, to - at, ...(isEmpty ? [] : [`${key}: ${quote(value)}`]));
  } else if (!isEmpty) {
    const name = lines.findIndex((line) => line.startsWith("name:"));
    lines.splice(key === "name" ? 0 : name + 1, 0, `${key}: ${quote(value)}`);
  }
  return lines.join("\n");
}

function block(lines: string[]): { start: number; end: number; indent: number } | null {
  const start = lines.findIndex((line) => /^steps:\s*(?:#.*)?$/.test(line));
  if (start < 0) return null;
  let end = start + 1;
  while (end < lines.length && !/^[A-Za-z_]/.test(lines[end] ?? "")) end += 1;
  const first = lines.slice(start + 1, end).find((line) => /^\s*- /.test(line));
  return { start, end, indent: first ? first.search(/\S/) : 2 };
}

/** The steps of the list `steps`, with the lines (from 0, end excluded) that each takes. */
export function listSteps(text: string): StepWords[] {
  const lines = text.split("\n");
  const area = block(lines);
  if (!area) return [];
  const starts: number[] = [];
  for (let at = area.start + 1; at < area.end; at += 1) {
    const line = lines[at] ?? "";
    if (line.startsWith(`${" ".repeat(area.indent)}- `)) starts.push(at);
  }
  return starts.map((from, index) => {
    let to = starts[index + 1] ?? area.end;
    while (to > from + 1 && (lines[to - 1] ?? "").trim() === "") to -= 1;
    const own = lines.slice(from, to).filter((line, at) => at === 0 || line.search(/\S/) === area.indent + 2);
    const value = (key: string): string => {
      for (const line of own) {
        const match = new RegExp(`(?:^\\s*(?:- )?|[{,]\\s*)${key}:\\s*("(?:\\\\.|[^"])*"|'[^']*'|[^,}#]*)`).exec(line);
        if (match) return unquote(match[1] ?? "");
      }
      return "";
    };
    const group = own.some((line) => /^\s*(?:- )?parallel:/.test(line)) ? "parallel group" : "";
    return { name: value("name"), uses: value("uses"), group, from, to };
  });
}

export function addStep(text: string, name: string, uses: string): string {
  const lines = text.split("\n");
  const area = block(lines);
  const indent = " ".repeat(area?.indent ?? 2);
  const step = [`${indent}- name: ${quote(name)}`, `${indent}  uses: ${uses}`];
  if (!area) {
    const empty = lines.findIndex((line) => /^steps:\s*\[\s*\]/.test(line));
    if (empty >= 0) lines.splice(empty, 1, "steps:", ...step);
    else lines.push(...(lines.at(-1) === "" ? [] : [""]), "steps:", ...step, "");
    return lines.join("\n");
  }
  const last = listSteps(text).at(-1);
  lines.splice(last ? last.to : area.start + 1, 0, ...step);
  return lines.join("\n");
}

export function removeStep(text: string, at: number): string {
  const step = listSteps(text)[at];
  if (!step) return text;
  const lines = text.split("\n");
  lines.splice(step.from, step.to - step.from);
  return lines.join("\n");
}

/** The document with a step one place further; the lines of both move whole. */
export function moveStep(text: string, at: number, by: -1 | 1): string {
  const steps = listSteps(text);
  const first = steps[Math.min(at, at + by)];
  const second = steps[Math.max(at, at + by)];
  if (!first || !second || first === second) return text;
  const lines = text.split("\n");
  const moved = [...lines.slice(second.from, second.to), ...lines.slice(first.to, second.from), ...lines.slice(first.from, first.to)];
  lines.splice(first.from, second.to - first.from, ...moved);
  return lines.join("\n");
}
