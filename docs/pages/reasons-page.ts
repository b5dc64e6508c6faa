/** The page about reason words, made from the table that every sentence comes from. */

import { REASONS } from "../../src/core/node/reasons.ts";

/** What the first part of a word is about. */
const SUBJECTS: Readonly<Record<string, string>> = {
  NODE: "A node's life",
  LINK: "Links",
  CARRIER: "Links",
  PEER: "Peers",
  CONFIG: "The cluster file",
  GROUP: "A group's way",
  SERVICE: "Services",
  GATEWAY: "What the network says",
  STRANGER: "What the network says",
  FABRIC: "What the network says",
  ADDRESS: "What the network says",
  HOLDERS: "What the network says",
  GATE: "The machine",
  STATE: "The machine",
  RECORDING: "The machine",
  MONITOR: "Health",
  ENGINE: "The balancer",
  POOL: "The balancer",
  MEMBER: "The balancer",
  DRAIN: "The balancer",
  MEMBERS: "The balancer",
  MAINTENANCE: "Operators' wishes",
};

/** Markdown of `docs/reference/reasons.md`. */
export function reasonsPage(): string {
  const sections = new Map<string, string[]>();
  for (const [word, sentence] of Object.entries(REASONS)) {
    const subject = SUBJECTS[word.split("_")[0] ?? ""] ?? "Others";
    const rows = sections.get(subject) ?? [];
    rows.push(`| \`${word}\` | ${sentence.replaceAll(/\{(\w+)\}/g, "*$1*")} |`);
    sections.set(subject, rows);
  }
  const parts = [...sections].map(
    ([subject, rows]) => `## ${subject}\n\n| reason | sentence |\n|---|---|\n${rows.join("\n")}\n`,
  );
  return `${INTRODUCTION}\n${parts.join("\n")}`;
}

const INTRODUCTION = `# Reason words

Every decision carries one of these words and the facts it rests on, is kept on every node, and is shown by
\`understudy why GROUP\` and \`understudy events\`. The words are stable: scripts and alerts may search for them.
Words in italics are filled in from the facts of the event.

This page is generated from \`src/core/node/reasons.ts\` by \`npm run docs\`.
`;
