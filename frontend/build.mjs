// Builds powernode/static/dist: bundles, one style sheet, one icon sprite.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import * as esbuild from "esbuild";
import { ICONS } from "./icons.mjs";
import { prune, wordsIn } from "./prune.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const out = join(root, "powernode", "static", "dist");

async function textsUnder(folder, endings) {
  const names = await readdir(folder, { recursive: true });
  const wanted = names.filter((name) => endings.some((ending) => name.endsWith(ending)));
  return Promise.all(wanted.map((name) => readFile(join(folder, name), "utf8")));
}

async function writeSprite(texts) {
  const used = new Set();
  const patterns = [/icon\.html" with name="([a-z0-9-]+)"/g, /\bicon\("([a-z0-9-]+)"/g, /icon="([a-z0-9-]+)"/g];
  for (const text of texts) {
    for (const pattern of patterns) {
      for (const match of text.matchAll(pattern)) used.add(match[1]);
    }
  }
  const missing = [...used].filter((name) => !ICONS.includes(name));
  if (missing.length > 0) {
    throw new Error(`Icons used but not listed in frontend/icons.mjs: ${missing.join(", ")}`);
  }
  const symbols = await Promise.all(
    ICONS.map(async (name) => {
      const file = join(here, "node_modules/@tabler/icons/icons/outline", `${name}.svg`);
      const svg = await readFile(file, "utf8");
      const inner = svg
        .replace(/<!--[\s\S]*?-->/g, "")
        .replace(/^[\s\S]*?<svg[\s\S]*?>/, "")
        .replace(/<\/svg>\s*$/, "")
        .replace(/<path stroke="none"[^>]*\/>/g, "")
        .replace(/\s*\n\s*/g, "");
      return `<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`;
    }),
  );
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
  await writeFile(join(out, "icons.svg"), sprite);
}

async function main() {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const templates = await textsUnder(join(root, "templates"), [".html"]);
  const sources = await textsUnder(join(here, "src"), [".ts"]);
  await writeSprite([...templates, ...sources]);
  const common = { bundle: true, minify: true, target: ["es2022", "safari16", "firefox115"], logLevel: "warning" };
  await esbuild.build({
    ...common,
    entryPoints: ["theme", "app", "run", "editor", "git/sources", "git/ci"].map((name) => join(here, "src", `${name}.ts`)),
    format: "iife",
    sourcemap: "linked",
    outdir: out,
    legalComments: "linked",
  });
  const tabler = await readFile(join(here, "node_modules/@tabler/core/dist/css/tabler.min.css"), "utf8");
  const words = wordsIn([...templates, ...sources]);
  const styles = await esbuild.build({
    ...common,
    entryPoints: [join(here, "src/css/index.css")],
    write: false,
    outdir: out,
  });
  const licence = /\/\*![\s\S]*?\*\//.exec(tabler)?.[0] ?? "";
  const own = styles.outputFiles[0].text;
  await writeFile(join(out, "app.css"), `${licence}\n@layer tabler{${prune(tabler, words)}}\n${own}`);
  await compress();
}

/** Beside each file its smaller forms, which the server prefers where a browser takes them. */
async function compress() {
  const names = await readdir(out, { recursive: true });
  await Promise.all(names.filter((name) => /\.(?:js|css|svg)$/.test(name)).map(async (name) => {
    const file = join(out, name);
    const content = await readFile(file);
    await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }));
    await writeFile(`${file}.br`, await promisify(brotliCompress)(content));
  }));
}

await main();
