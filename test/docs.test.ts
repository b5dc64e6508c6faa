/**
 * Documents and code are compared in both directions: links lead somewhere, commands that a page names exist,
 * commands that exist are described, and generated pages are as fresh as the code.
 */

import { basename, dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { generatedPages } from "../docs/generate.ts";
import { parseCluster } from "../src/core/config/parse.ts";
import { REASONS } from "../src/core/node/reasons.ts";
import { exists, filesBelow, read } from "./sources.ts";

const TOP = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const COMMANDS_PAGE = "docs/reference/commands.md";
const pages = [
  ...TOP,
  ...["docs", "examples", "packaging", "benchmarks"].flatMap((folder) => filesBelow(folder, [".md"])),
];
const scripts = Object.keys((JSON.parse(read("package.json")) as { scripts: object }).scripts);
const verbs = filesBelow("src/cli/commands", [".ts"])
  .filter((path) => !path.endsWith(".test.ts"))
  .map((path) => basename(path, ".ts"));

/** The page without fenced blocks and code in the line, in which brackets mean something else. */
function prose(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
}

/** Anchors that the headings of a page make, as forges spell them. */
function anchors(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+\s+(.*)$/gm);
  return new Set(
    [...headings].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every link of every page leads to a file and a heading that exist", () => {
  const broken = pages.flatMap((page) =>
    [...prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
      if (/^[a-z]+:/.test(target)) return [];
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      if (!exists(file)) return [`${page}: ${target}`];
      if (anchor !== undefined && file.endsWith(".md") && !anchors(read(file)).has(anchor))
        return [`${page}: ${target}`];
      return [];
    }),
  );
  expect(broken).toEqual([]);
});

test("the pages that a newcomer needs are there", () => {
  expect([...TOP, "LICENSE", COMMANDS_PAGE].filter((path) => !exists(path))).toEqual([]);
});

test("every npm script that a page names exists", () => {
  const unknown = pages.flatMap((page) =>
    [...read(page).matchAll(/\bnpm run ([a-z][a-z:-]*)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !scripts.includes(name))
      .map((name) => `${page}: npm ${name}`),
  );
  expect(unknown).toEqual([]);
});

test("every script of the package is named in CONTRIBUTING or README", () => {
  const text = read("README.md") + read("CONTRIBUTING.md");
  const silent = ["prepack"];
  expect(scripts.filter((name) => !silent.includes(name) && !new RegExp(`npm (run )?${name}\\b`).test(text))).toEqual(
    [],
  );
});

test("every verb of the command line has its heading on the page of commands, and no other has", () => {
  const described = [...read(COMMANDS_PAGE).matchAll(/^## `understudy ([a-z-]+)/gm)].map(([, verb = ""]) => verb);
  expect([...new Set(described)].sort()).toEqual(verbs.toSorted());
});

test("every command in a page's examples is a verb that exists", () => {
  const unknown = pages.flatMap((page) =>
    [...read(page).matchAll(/^(?:\$ |# |sudo |[ \t])*(?:bin\/)?understudy ([a-z][a-z-]*)/gm)]
      .map(([, verb = ""]) => verb)
      .filter((verb) => !verbs.includes(verb))
      .map((verb) => `${page}: understudy ${verb}`),
  );
  expect(unknown).toEqual([]);
});

test("generated pages are as the code says", async () => {
  for (const [path, text] of await generatedPages()) expect(read(path), `${path}: run \`npm run docs\``).toBe(text);
});

test("every reason word that a page names exists", () => {
  const subjects = new Set(Object.keys(REASONS).map((word) => word.split("_")[0]));
  const unknown = pages.flatMap((page) =>
    [...read(page).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)]
      .map(([, word = ""]) => word)
      .filter((word) => subjects.has(word.split("_")[0]) && !(word in REASONS) && !word.startsWith("CONFIG_"))
      .map((word) => `${page}: ${word}`),
  );
  expect(unknown).toEqual([]);
});

test("every whole cluster file that a page or an example shows is accepted", () => {
  const shown = pages.flatMap((page) => {
    const text = read(page);
    const files = [
      ...text.matchAll(/^```yaml\n(cluster:[\s\S]*?)^```/gm),
      ...text.matchAll(/<<'FILE'.*\n([\s\S]*?)^FILE$/gm),
    ];
    return files.map(([, file = ""]) => ({ page, file }));
  });
  const examples = filesBelow("examples", [".yaml"]).map((page) => ({ page, file: read(page) }));
  expect(shown.length).toBeGreaterThan(1);
  const refused = [...shown, ...examples].flatMap(({ page, file }) => {
    const parsed = parseCluster(file, page);
    // What is copied from a page must not be a risk either.
    const bad = parsed.problems.filter(({ severity, code }) => severity === "error" || code.startsWith("RISK_"));
    return bad.map(({ message }) => `${page}: ${message}`);
  });
  expect(refused).toEqual([]);
});
