/** The page about engines, made from the table that config errors and the contract suite use. */

import { CAPABILITIES, ENGINES } from "../../src/core/balancer/capabilities.ts";

/** Markdown of `docs/reference/engines.md`. */
export function enginesPage(): string {
  return [INTRODUCTION, ...table(), "", ...lacking(), ""].join("\n");
}

function table(): string[] {
  const rows = CAPABILITIES.map((row) => {
    const cells = ENGINES.map((engine) => {
      const can = row.engines.some((other) => other === engine);
      return `${can ? "yes" : "**no**"}: ${row[engine]}`;
    });
    return `| \`${row.name}\` | ${row.title} | ${cells.join(" | ")} |`;
  });
  return [`| word | what | ${ENGINES.join(" | ")} |`, "|---|---|---|---|", ...rows];
}

function lacking(): string[] {
  return ENGINES.flatMap((engine) => {
    const rows = CAPABILITIES.filter(({ engines }) => !engines.some((other) => other === engine));
    const items = rows.map((row) => `- \`${row.name}\`: ${row.title} ${sentence(row[engine])}`);
    return [`## What \`${engine}\` lacks`, "", ...items, ""];
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const INTRODUCTION = `# Engines

The balancer's part of [the cluster file](cluster-file.md) says the same for every engine, and \`engine: haproxy\` or
\`engine: nginx\` chooses the program that does it. What an engine cannot do is an error where it stands in the file, with
the engine that can; nothing is ignored in silence.

Every line of this table is a behaviour that a test shows on the real program, for each engine that has it, and a refusal
for each that has it not.

This page is generated from \`src/core/balancer/capabilities.ts\` by \`npm run docs\`.
`;
