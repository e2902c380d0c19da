/** A piece of a line in one style; `classes` come from a fixed list and never from the log. */
export interface Segment {
  text: string;
  classes: string;
}

/** Characters of one line that are drawn; the raw file has the rest. */
export const LINE_LIMIT = 16_000;

interface Style {
  fg: string;
  bg: string;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}

const PLAIN: Style = {
  fg: "", bg: "", bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false,
};
// CSI, then string sequences (OSC DCS SOS PM APC) up to their end, then other escapes.
const ESCAPE =
  /\u001b\[([0-9:;<=>?]*)[ -/]*([@-~])|(?:\u001b[\]PX^_]|[\u009d\u0090])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*[0-~]?|\u009b[0-9:;<=>?]*[ -/]*[@-~]/g;

/** A line of a terminal as styled text: colours kept, cursor tricks and hidden controls not. */
export function parseLine(raw: string): Segment[] {
  const cut = raw.length > LINE_LIMIT ? raw.slice(0, LINE_LIMIT) : raw;
  const segments = cut.includes("\r") ? overwritten(cut) : straight(cut);
  if (raw.length > LINE_LIMIT) {
    segments.push({ text: ` … ${raw.length - LINE_LIMIT} more characters in the raw log`, classes: "log-ctl" });
  }
  return segments;
}

/** The text of a line without any escape. */
export function plainText(raw: string): string {
  return parseLine(raw).map((segment) => segment.text).join("");
}

function* pieces(line: string): Generator<{ text: string } | { code: string; final: string }> {
  let at = 0;
  ESCAPE.lastIndex = 0;
  for (let match = ESCAPE.exec(line); match; match = ESCAPE.exec(line)) {
    if (match.index > at) yield { text: line.slice(at, match.index) };
    if (match[2] !== undefined) yield { code: match[1] ?? "", final: match[2] };
    at = match.index + match[0].length;
    if (match[0].length === 0) ESCAPE.lastIndex += 1;
  }
  if (at < line.length) yield { text: line.slice(at) };
}

function straight(line: string): Segment[] {
  const segments: Segment[] = [];
  let style = PLAIN;
  for (const piece of pieces(line)) {
    if ("text" in piece) pushVisible(segments, piece.text, classesOf(style));
    else if (piece.final === "m") style = applySgr(style, piece.code);
  }
  return segments;
}

// Progress bars write a line again and again: only what is left on the screen is shown.
function overwritten(line: string): Segment[] {
  const cells: { char: string; classes: string }[] = [];
  let column = 0;
  let style = PLAIN;
  for (const piece of pieces(line)) {
    if (!("text" in piece)) {
      if (piece.final === "m") style = applySgr(style, piece.code);
      else if (piece.final === "K") eraseLine(cells, column, piece.code);
      continue;
    }
    const classes = classesOf(style);
    for (const char of piece.text) {
      if (char === "\r") column = 0;
      else {
        cells[column] = { char, classes };
        column += 1;
      }
    }
  }
  const segments: Segment[] = [];
  let text = "";
  let classes = "";
  for (const cell of cells) {
    if (cell.classes !== classes) {
      pushVisible(segments, text, classes);
      text = "";
      classes = cell.classes;
    }
    text += cell.char;
  }
  pushVisible(segments, text, classes);
  return segments;
}

function eraseLine(cells: { char: string; classes: string }[], column: number, code: string): void {
  if (code === "" || code === "0") cells.length = Math.min(cells.length, column);
  else for (let i = 0; i < cells.length && (code === "2" || i <= column); i += 1) cells[i] = { char: " ", classes: "" };
}

// Direction controls can make text read differently from what it is; zero-width ones hide text.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]/g;

function pushVisible(segments: Segment[], text: string, classes: string): void {
  let at = 0;
  HIDDEN.lastIndex = 0;
  for (let match = HIDDEN.exec(text); match; match = HIDDEN.exec(text)) {
    if (match.index > at) segments.push({ text: text.slice(at, match.index), classes });
    const code = match[0].charCodeAt(0);
    segments.push({ text: code < 32 ? String.fromCharCode(0x2400 + code) : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`, classes: "log-ctl" });
    at = match.index + 1;
  }
  if (at < text.length) segments.push({ text: text.slice(at), classes });
}

const FLAGS: Record<number, Partial<Style>> = {
  0: PLAIN, 1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { underline: true }, 7: { inverse: true }, 9: { strike: true },
  21: { underline: true }, 22: { bold: false, dim: false }, 23: { italic: false }, 24: { underline: false }, 27: { inverse: false },
  29: { strike: false }, 39: { fg: "" }, 49: { bg: "" },
};

function applySgr(style: Style, parameters: string): Style {
  if (!/^[0-9;:]*$/.test(parameters)) return style;
  const codes = parameters.split(/[;:]/).map((part) => Number(part || "0"));
  let next = style;
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    const flag = FLAGS[code];
    if (flag) next = { ...next, ...flag };
    else if (code >= 30 && code <= 37) next = { ...next, fg: String(code - 30) };
    else if (code >= 90 && code <= 97) next = { ...next, fg: String(code - 82) };
    else if (code >= 40 && code <= 47) next = { ...next, bg: String(code - 40) };
    else if (code >= 100 && code <= 107) next = { ...next, bg: String(code - 92) };
    else if (code === 38 || code === 48) {
      const [color, used] = extended(codes.slice(i + 1));
      i += used;
      if (color !== "") next = code === 38 ? { ...next, fg: color } : { ...next, bg: color };
    }
  }
  return next;
}

// 256 and 24-bit colours are shown as the nearest of the sixteen that have a readable shade here.
function extended(codes: number[]): [string, number] {
  const kind = codes[0];
  if (kind === 5) return [nearest256(codes[1] ?? 0), 2];
  if (kind === 2) return [nearestRgb(codes[1] ?? 0, codes[2] ?? 0, codes[3] ?? 0), 4];
  return ["", codes.length];
}

function nearest256(code: number): string {
  if (code < 16) return String(code);
  if (code >= 232) return code < 238 ? "0" : code < 246 ? "8" : code < 252 ? "7" : "15";
  const cube = code - 16;
  const level = (value: number): number => (value === 0 ? 0 : 55 + value * 40);
  return nearestRgb(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function nearestRgb(red: number, green: number, blue: number): string {
  const high = Math.max(red, green, blue);
  const low = Math.min(red, green, blue);
  if (high - low < 40) return high < 60 ? "0" : high < 140 ? "8" : high < 210 ? "7" : "15";
  const middle = (high + low) / 2;
  const bits = (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0);
  return String(high > 200 ? bits + 8 : bits);
}

function classesOf(style: Style): string {
  let classes = "";
  const fg = style.inverse ? style.bg || "inv" : style.fg;
  const bg = style.inverse ? style.fg || "inv" : style.bg;
  if (fg) classes += ` fg-${fg}`;
  if (bg) classes += ` bg-${bg}`;
  if (style.bold) classes += " sgr-bold";
  if (style.dim) classes += " sgr-dim";
  if (style.italic) classes += " sgr-italic";
  if (style.underline) classes += " sgr-underline";
  if (style.strike) classes += " sgr-strike";
  return classes.trimStart();
}
