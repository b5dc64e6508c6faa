/**
 * Every way in which a segment of two to five nodes falls into two parts, played with the real core, against what was
 * worked out on paper; and the table of them in docs/concepts/safety.md, which is written by this test
 * (`UPDATE_CASES=1`) so that it cannot rot.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { type Outcome, playSplit, type Split } from "./fixtures/split.ts";

vi.setConfig({ testTimeout: 240_000 });

const PAGE = new URL("../../docs/concepts/safety.md", import.meta.url);

interface Played {
  readonly split: Split;
  readonly outcome: Outcome;
}

function playAll(lost: Split["lost"], most: number): Played[] {
  const played: Played[] = [];
  for (const gateway of ["A", "both", "none"] as const)
    for (const privateLink of ["whole", "parted too"] as const)
      for (const holder of ["A", "B"] as const)
        for (let nodes = 2; nodes <= most; nodes++)
          for (let inA = 1; inA < nodes; inA++) {
            const split: Split = { nodes, inA, holder, gateway, privateLink, lost };
            played.push({ split, outcome: playSplit(split, 1 + (played.length % 9)) });
          }
  return played;
}

const splits = playAll("both", 5);
const oneWay = [...playAll("to B", 3), ...playAll("to A", 3)];
const isolated = playAll("isolation", 3);

/** What cannot be survived: both parts have a gateway, or all nodes have one and not each other, and no other link. */
function isUnsafe({ gateway, privateLink, lost }: Split): boolean {
  if (privateLink === "whole") return false;
  return lost === "isolation" ? gateway !== "none" : gateway === "both";
}

/** Where the address is served during a split in both directions, on paper. */
function servedOnPaper({ nodes, inA, holder, gateway, privateLink }: Split): Outcome["servedIn"] {
  const held = holder === "A" ? inA : nodes - inA;
  const other = holder === "A" ? "B" : "A";
  if (gateway === "A") return "A";
  if (gateway === "both") {
    if (privateLink === "parted too") return "A and B";
    // The pair's second router needs a third of a second to notice; a holder alone in B has lost its group by then.
    return holder === "B" && held > 1 ? "B" : "A";
  }
  if (privateLink === "whole") return held === 1 && nodes > 2 ? other : holder;
  // Half of the nodes keep; alone, only one of two does. More than half take.
  if (held >= nodes / 2 && (held > 1 || nodes === 2)) return holder;
  return nodes - held > nodes / 2 ? other : "nobody";
}

test("where the address is served during a split is what was worked out on paper, in 120 cases", () => {
  expect(splits).toHaveLength(120);
  const found = splits.map(({ split, outcome }) => ({ ...split, servedIn: outcome.servedIn }));
  expect(found).toEqual(splits.map(({ split }) => ({ ...split, servedIn: servedOnPaper(split) })));
});

test("nobody ever reaches two holders, neither during a split nor when it heals, but where paper says so", () => {
  for (const { split, outcome } of [...splits, ...oneWay, ...isolated]) {
    const { doubleMs } = outcome;
    if (!isUnsafe(split)) expect(doubleMs, JSON.stringify(split)).toEqual({ split: 0, healed: 0 });
    // Once frames pass again, the one that must yield is told within a question's time.
    expect(doubleMs.healed, JSON.stringify(split)).toBeLessThan(20);
    // Loss in one direction lets one hear the other, which yields or never opens.
    if (split.lost === "to A" || split.lost === "to B") expect(doubleMs.split, JSON.stringify(split)).toBeLessThan(5);
    else if (isUnsafe(split)) expect(doubleMs.split, JSON.stringify(split)).toBeGreaterThan(1_000);
  }
});

test("the part with the gateway serves again within 0.3 s when the holder was on the other side and no link is left", () => {
  const lost = splits.filter(({ split }) => split.gateway === "A" && split.privateLink === "parted too");
  for (const { split, outcome } of lost) {
    expect(outcome.gapMs["behind the gateway"], JSON.stringify(split)).toBeLessThan(split.holder === "A" ? 1 : 300);
  }
});

/** Classes of gaps, so that the page does not change with every millisecond. */
function gapText(gapMs: number | undefined): string {
  if (gapMs === undefined || gapMs > 5_500) return "until it heals";
  if (gapMs === 0) return "not at all";
  if (gapMs < 350) return "about 0.25 s";
  return gapMs < 1_000 ? "under 1 s" : "2 to 5 s";
}

function doubleText({ doubleMs }: Outcome): string {
  if (doubleMs.split > 1_000) return "**until it heals**, then under 20 ms";
  return doubleMs.split + doubleMs.healed > 0 ? "under 5 ms" : "never";
}

/** The columns that depend on what happened. */
function outcomeColumns({ outcome }: Played): string {
  const { servedIn, gapMs } = outcome;
  const away = servedIn === "nobody" ? "until it heals" : gapText(gapMs[servedIn === "B" ? "B" : "A"]);
  return `${servedIn === "nobody" ? "nowhere" : servedIn} | ${away} | ${doubleText(outcome)}`;
}

/** One row for all sizes with the same outcome. */
function rows(played: readonly Played[], isWithSizes: boolean): string[] {
  const merged = new Map<string, string[]>();
  for (const one of played) {
    const { gateway, privateLink, holder, inA, nodes, lost } = one.split;
    const way = isWithSizes
      ? ""
      : `${lost === "isolation" ? "between all nodes" : `from ${lost === "to B" ? "A to B" : "B to A"}`} | `;
    const where = gateway === "none" ? "nowhere" : gateway === "both" ? "in both" : "in A";
    const key = `${way}${where} | ${privateLink} | ${holder} | # | ${outcomeColumns(one)} |`;
    merged.set(key, [...(merged.get(key) ?? []), `${inA}+${nodes - inA}`]);
  }
  const sizes = new Set(played.map(({ split }) => `${split.inA}+${split.nodes - split.inA}`)).size;
  return [...merged].map(([key, list]) => `| ${key.replace("#", list.length === sizes ? "any" : list.join(", "))}`);
}

function table(): string {
  const head = "gateway | second link | holder in | nodes in A + B | served in | away there | two holders reachable |";
  const line = (columns: number) => `|${"---|".repeat(columns)}`;
  return [
    `| ${head}`,
    line(7),
    ...rows(splits, true),
    "",
    "In one direction only, or between nodes only (two and three nodes):",
    "",
    `| lost | ${head}`,
    line(8),
    ...rows([...oneWay, ...isolated], false),
  ].join("\n");
}

test("the table of splits in the documentation is what the simulator plays", () => {
  const page = readFileSync(PAGE, "utf8");
  const [before = "", rest = ""] = page.split("<!-- splits: written by src/sim/splits.test.ts -->\n");
  const after = rest.slice(rest.indexOf("<!-- end of splits -->"));
  const marker = "<!-- splits: written by src/sim/splits.test.ts -->\n";
  const wanted = `${before}${marker}\n${table()}\n\n${after}`;
  if (process.env["UPDATE_CASES"] === "1") writeFileSync(PAGE, wanted);
  expect(readFileSync(PAGE, "utf8")).toBe(wanted);
});
