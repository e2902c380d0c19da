import { plainText } from "./ansi";

/** A line that opens or closes a group, in GitHub's or GitLab's words. */
export type GroupMark =
  | { kind: "start"; title: string; name: string; at: number | null; isCollapsed: boolean }
  | { kind: "end"; name: string; at: number | null };

const GITHUB_START = /^(?:::group::|##\[group\])(.*)$/;
const GITHUB_END = /^(?:::endgroup::|##\[endgroup\])\s*$/;
const GITLAB = /section_(start|end):(\d{1,16}):([A-Za-z0-9_.-]+)(\[[^\]]*\])?\r?(?:\u001b\[0K)?(.*)$/;

export function groupMark(raw: string): GroupMark | null {
  // Most lines are neither: two searches decide without a regular expression.
  if (raw.includes("section_")) return gitlabMark(raw);
  if (!raw.includes("group")) return null;
  const text = plainText(raw);
  const start = GITHUB_START.exec(text);
  if (start) return { kind: "start", title: (start[1] ?? "").trim() || "Group", name: "", at: null, isCollapsed: false };
  return GITHUB_END.test(text) ? { kind: "end", name: "", at: null } : null;
}

function gitlabMark(raw: string): GroupMark | null {
  const match = GITLAB.exec(raw);
  if (!match) return null;
  const at = Number(match[2]) * 1000;
  const name = match[3] ?? "";
  if (match[1] === "end") return { kind: "end", name, at };
  const title = plainText(match[5] ?? "").trim() || name.replaceAll("_", " ");
  return { kind: "start", title, name, at, isCollapsed: (match[4] ?? "").includes("collapsed=true") };
}

export type Level = "" | "error" | "warning" | "notice" | "command";

const ANNOTATION = /^::(error|warning|notice)(?: [^:]*)?::/;
const ERROR =
  /(?:^|[\s[(:])(?:error|fatal|panic|failed|failure|traceback|exception)\b(?!s?\s*[:=]?\s*0\b)|^(?:E {2,}|FAIL\b|ERR!)|^\S*(?:Error|Exception): |npm ERR!/i;
const NO_ERROR = /\b(?:0|no) (?:errors?|failed|failures?)\b/i;

/** What a line says about itself; decides its tint and where `e` stops. */
export function lineLevel(text: string): Level {
  const annotation = ANNOTATION.exec(text);
  if (annotation) return annotation[1] as Level;
  if (text.startsWith("[command]") || text.startsWith("$ ") || text.startsWith("+ ")) return "command";
  if (ERROR.test(text) && !NO_ERROR.test(text)) return "error";
  return "";
}

export interface LineRange {
  from: number;
  to: number;
}

/** The lines that an address names: `#L12` or `#L12-L20`. */
export function parseHash(hash: string): LineRange | null {
  const match = /^#L(\d{1,12})(?:-L?(\d{1,12}))?$/.exec(hash);
  if (!match) return null;
  const first = Number(match[1]);
  const second = match[2] === undefined ? first : Number(match[2]);
  if (first < 1 || second < 1) return null;
  return { from: Math.min(first, second), to: Math.max(first, second) };
}

export function formatHash(range: LineRange): string {
  return range.from === range.to ? `#L${range.from}` : `#L${range.from}-L${range.to}`;
}
