// Values as YAML: what any reader of 1.1 or 1.2 could take for something else is quoted.

export type Scalar = string | number | boolean | null;
export type Value = Scalar | Value[] | { [key: string]: Value };

/** How a string was written before, so that its next value can be written alike. */
export type Style = "plain" | "single" | "double" | "block";

/** A value in two parts: what stands behind the colon, and the lines below it. */
export interface Written {
  head: string;
  lines: string[];
}

const RESERVED = /^(?:true|false|yes|no|on|off|y|n|null|~|=|<<|\.inf|\.nan)$/i;
const BARE = /^(?:[\p{L}_/$]|\.(?![.\d]))[^\p{Cc}\u2028\u2029\ufeff]*$/u;
const UNSAFE = /:(?:\s|$)|\s#|^\s|\s$/;
const IN_FLOW = /[,[\]{}]/;
const ESCAPED = /[\u007f-\u009f\u2028\u2029\ufeff]/g;
const LONGEST_LIST = 72;
const LONGEST_OBJECT = 60;
const SPREAD = new Set(["with", "on", "env", "notifications", "inputs", "services", "outputs"]);

export function isObject(value: unknown): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A scalar on one line. */
export function scalar(value: Scalar, style: Style = "plain", isInFlow = false): string {
  if (typeof value !== "string") return String(value);
  const isOneLine = !/[\p{Cc}\u2028\u2029\ufeff]/u.test(value);
  if (style === "single" && isOneLine) return `'${value.replaceAll("'", "''")}'`;
  const isBare = style !== "double" && BARE.test(value) && !RESERVED.test(value) && !UNSAFE.test(value);
  return isBare && !(isInFlow && IN_FLOW.test(value)) ? value : doubleQuoted(value);
}

function doubleQuoted(value: string): string {
  return JSON.stringify(value).replace(ESCAPED, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value on one line, whatever it is. */
export function flow(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (!isObject(value)) return scalar(value, "plain", true);
  return `{${Object.entries(value).map(([key, member]) => `${scalar(key, "plain", true)}: ${flow(member)}`).join(", ")}}`;
}

/** A value below a key at a column, as people write it: short ones on the line, others below. */
export function written(value: Value, column: number, key = "", style: Style = "plain"): Written {
  if (typeof value === "string" && (style === "block" || value.includes("\n")) && canBeBlock(value)) return literal(value, column + 2);
  if (Array.isArray(value)) return list(value, column);
  if (!isObject(value)) return { head: scalar(value, style), lines: [] };
  const short = flow(value);
  const isFlat = Object.values(value).every((member) => !isObject(member) && !(Array.isArray(member) && member.some(isObject)));
  const isLong = Object.values(value).some((member) => typeof member === "string" && member.includes("\n"));
  if (short === "{}" || (isFlat && !isLong && short.length <= LONGEST_OBJECT && !SPREAD.has(key))) return { head: short, lines: [] };
  return { head: "", lines: members(value, column + 2) };
}

/** The lines of an object's members at a column. */
export function members(value: { [key: string]: Value }, column: number): string[] {
  return Object.entries(value).flatMap(([key, member]) => pair(key, member, column));
}

/** A key with its value at a column. */
export function pair(key: string, value: Value, column: number): string[] {
  const { head, lines } = written(value, column, key);
  return [`${" ".repeat(column)}${scalar(key, "plain", true)}:${head ? ` ${head}` : ""}`, ...lines];
}

/** An item of a list whose dash stands at a column. */
export function item(value: Value, column: number): string[] {
  const dash = `${" ".repeat(column)}- `;
  if (isObject(value) && Object.keys(value).length > 0) {
    const [first = "", ...rest] = members(value, column + 2);
    return [dash + first.slice(column + 2), ...rest];
  }
  const { head, lines } = written(value, column, "-");
  return [dash + (head || flow(value)), ...(head ? lines : [])];
}

function list(value: Value[], column: number): Written {
  const short = flow(value);
  const isFlat = value.every((each) => !isObject(each) && !Array.isArray(each));
  if (value.length === 0 || (isFlat && short.length <= LONGEST_LIST)) return { head: short, lines: [] };
  return { head: "", lines: value.flatMap((each) => item(each, column + 2)) };
}

function canBeBlock(value: string): boolean {
  return !/^\s|\n\n$|[^\P{Cc}\t\n]|[\u2028\u2029\ufeff]/u.test(value) && value !== "";
}

function literal(value: string, column: number): Written {
  const isEnded = value.endsWith("\n");
  const lines = (isEnded ? value.slice(0, -1) : value).split("\n");
  return { head: isEnded ? "|" : "|-", lines: lines.map((line) => (line === "" ? "" : " ".repeat(column) + line)) };
}
