// Drops the rules of a style sheet that no page can match: Tabler ships 600 kB for every product,
// one product uses a tenth of it. Conservative: a rule stays unless each of its selectors names a
// class that occurs as a word nowhere in our templates and modules.

const CLASS = /\.((?:\\.|[A-Za-z0-9_-])+)/g;

/** Every word of the given texts that could be a class name. */
export function wordsIn(texts) {
  const words = new Set();
  for (const text of texts) {
    for (const match of text.matchAll(/[A-Za-z][A-Za-z0-9_-]*/g)) words.add(match[0]);
  }
  return words;
}

function splitSelectors(prelude) {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < prelude.length; i += 1) {
    const c = prelude[i];
    if (c === "\\") i += 1;
    else if (c === "(" || c === "[") depth += 1;
    else if (c === ")" || c === "]") depth -= 1;
    else if (c === "," && depth === 0) {
      parts.push(prelude.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(prelude.slice(start));
  return parts;
}

function matches(selector, words) {
  // What stands in :not() or :is() may be absent and the selector still match.
  const plain = selector.replace(/:(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)/g, "");
  for (const match of plain.matchAll(CLASS)) {
    if (!words.has(match[1].replace(/\\/g, ""))) return false;
  }
  return true;
}

function blockEnd(css, open) {
  let depth = 0;
  for (let i = open; i < css.length; i += 1) {
    const c = css[i];
    if (c === "\\") i += 1;
    else if (c === '"' || c === "'") {
      i += 1;
      while (i < css.length && css[i] !== c) i += css[i] === "\\" ? 2 : 1;
    } else if (c === "{") depth += 1;
    else if (c === "}") {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  throw new Error("unbalanced braces in the style sheet");
}

/** The style sheet without rules that cannot match. */
export function prune(source, words) {
  const css = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/@charset[^;]*;/g, "");
  let kept = "";
  let at = 0;
  while (at < css.length) {
    const open = css.indexOf("{", at);
    if (open < 0) break;
    const prelude = css.slice(at, open).trim();
    const end = blockEnd(css, open);
    const body = css.slice(open + 1, end);
    at = end + 1;
    if (/^@(?:media|supports|layer|container)/.test(prelude)) {
      const inner = prune(body, words);
      if (inner) kept += `${prelude}{${inner}}`;
    } else if (prelude.startsWith("@")) {
      kept += `${prelude}{${body}}`;
    } else {
      const selectors = splitSelectors(prelude).filter((selector) => matches(selector, words));
      if (selectors.length > 0) kept += `${selectors.join(",")}{${body}}`;
    }
  }
  return kept;
}
