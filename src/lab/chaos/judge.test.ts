/** Every verdict can be a bad one: made-up evidence, each time with one thing wrong. */

import { expect, test } from "vitest";
import type { Try } from "../checks/tries.ts";
import type { Evidence } from "./evidence.ts";
import { EYES, judge, ONE_HOLDER, REST } from "./judge.ts";
import type { KindName } from "./kinds.ts";
import { isClean, renderReport } from "./report.ts";
import { drawSchedule } from "./schedule.ts";
import type { Spell } from "./spells.ts";

const END_MS = 60_000;
const MOVE_MS = 20_000;

/** A page every 10 ms, but for these spans. */
function pages(...without: [fromMs: number, toMs: number][]): Try[] {
  const tries: Try[] = [];
  for (let ms = 0; ms < END_MS; ms += 10) {
    const isAway = without.some(([fromMs, toMs]) => ms >= fromMs && ms < toMs);
    const word = isAway ? "timeout" : ms < MOVE_MS ? "srv1" : "srv2";
    tries.push({ startMs: ms, endMs: ms + (isAway ? 100 : 1), ok: !isAway, word });
  }
  return tries;
}

function spell(name: KindName, node: string | undefined, fromMs: number, toMs: number): Spell {
  return { id: 1, name, node, fromMs, doneMs: fromMs, toMs, restMs: END_MS };
}

function taken(by: string, heardMs: number, epoch: number): Evidence["decisions"][number] {
  const facts = { node: by, group: "www", epoch, because: "it is the first" };
  const words = { severity: "info", reason: "GROUP_TAKEN", group: "www", node: by, link: undefined } as const;
  return { heardMs, record: { id: `${by}:x:${epoch}`, by, time: heardMs, text: "", facts, ...words } };
}

/** The holder loses its power, the other takes over after 200 ms, and nothing is wrong. */
function sound(): Evidence {
  return {
    schedule: drawSchedule({ seed: 1, minutes: 1, nodes: 3 }),
    nodes: ["srv1", "srv2", "srv3"],
    startedMs: 0,
    endedMs: END_MS,
    isInterrupted: false,
    phases: [{ number: 1, fromMs: 0, healedMs: 50_000, restMs: 51_000, trouble: undefined }],
    spells: [spell("power-off", "srv1", MOVE_MS - 200, 30_000)],
    skipped: [],
    tries: pages([MOVE_MS - 200, MOVE_MS]),
    standing: pages([MOVE_MS - 200, MOVE_MS]),
    segment: {
      questions: 30_000,
      evidence: 60_000,
      compared: 60_000,
      meetings: [],
      overlaps: [],
      capture: [
        { vip: "192.0.2.10", node: "srv1", kind: "arp-answer", fromMs: 0, toMs: MOVE_MS - 200, frames: 10_000 },
        { vip: "192.0.2.10", node: "srv2", kind: "arp-answer", fromMs: MOVE_MS, toMs: END_MS, frames: 20_000 },
      ],
      frames: 100_000,
      dropped: 0,
      longestBlindMs: 3,
    },
    stalls: [],
    decisions: [taken("srv1", 1, 16), taken("srv2", MOVE_MS, 17)],
    epochs: [
      { atMs: 1_000, node: "srv2", incarnation: "a", group: "www", epoch: 16 },
      { atMs: MOVE_MS + 1_000, node: "srv2", incarnation: "a", group: "www", epoch: 17 },
    ],
  };
}

function broken(change: (evidence: Evidence) => Partial<Evidence>): string[] {
  const evidence = sound();
  const changed = { ...evidence, ...change(evidence) };
  const verdict = judge(changed, 20_000);
  expect(isClean(changed, verdict)).toBe(verdict.violations.length === 0);
  return [...new Set(verdict.violations.map(({ promise }) => promise))];
}

test("a takeover within its bound breaks nothing, and every checker compared something", () => {
  const evidence = sound();
  const verdict = judge(evidence, 20_000);
  expect(verdict.violations).toEqual([]);
  expect(verdict.checkers.filter(({ runs }) => runs === 0)).toEqual([]);
  expect(verdict.requests).toMatchObject({ failed: 20, explained: 20, unexplained: 0 });
  expect(verdict.kinds).toMatchObject([{ name: "power-off", inflicted: 1, onHolder: 1, gapsMs: [210] }]);
  expect(verdict.moves).toBe(1);
  expect(renderReport(evidence, verdict).at(-1)).toBe("every promise was kept");
});

test("two holders are told, also while the machine stood still", () => {
  const stalls = [{ fromMs: 0, toMs: END_MS }];
  const meetings = [{ nodes: ["srv1", "srv2"], fromMs: 10, toMs: 12 }];
  expect(broken(({ segment }) => ({ stalls, segment: { ...segment, meetings } }))).toEqual([ONE_HOLDER]);
  const overlaps = [{ observer: "client", vip: "192.0.2.10", holders: ["srv1", "srv2"], from: 10, until: 12 }];
  expect(broken(({ segment }) => ({ stalls, segment: { ...segment, overlaps } }))).toEqual([ONE_HOLDER]);
});

test("an observer that lost frames or never looked proves nothing", () => {
  expect(broken(({ segment }) => ({ segment: { ...segment, dropped: 1 } }))).toEqual([EYES]);
  expect(broken(({ segment }) => ({ segment: { ...segment, questions: 0 } }))).toEqual([EYES]);
  expect(broken(() => ({ tries: [] }))).toContain(EYES);
  const verdict = judge({ ...sound(), epochs: [], decisions: [] }, 20_000);
  expect(verdict.checkers).toContainEqual({ promise: "epochs only grow", runs: 0 });
});

test("a failed request that no fault explains is told, unless the machine stood still", () => {
  const tries = pages([MOVE_MS - 200, MOVE_MS], [40_000, 40_020]);
  expect(broken(() => ({ tries }))).toEqual(["every failed request is explained by a fault"]);
  expect(broken(() => ({ tries, stalls: [{ fromMs: 39_900, toMs: 40_010 }] }))).toEqual([]);
});

test("a connection that breaks without a fault is told", () => {
  const standing = pages([MOVE_MS - 200, MOVE_MS], [40_000, 40_020]);
  expect(broken(() => ({ standing }))).toEqual(["every failed request is explained by a fault"]);
});

test("a site that is served too late is told", () => {
  const away = pages([MOVE_MS - 200, MOVE_MS + 5_000]);
  expect(broken(() => ({ tries: away }))).toContain("served again within its bound");
});

test("a cluster that does not come to rest is told", () => {
  const phase = { number: 1, fromMs: 0, healedMs: 20_000, restMs: undefined, trouble: "srv1 is observing" };
  expect(broken(() => ({ phases: [phase] }))).toEqual([REST]);
  expect(broken(() => ({ phases: [{ ...phase, restMs: 45_000, trouble: undefined }] }))).toEqual([REST]);
});

test("a change of holder without a decision, or one with an unknown word, is told", () => {
  expect(broken(({ decisions }) => ({ decisions: decisions.slice(0, 1) }))).toEqual(["every decision has a reason"]);
  const nonsense = { ...taken("srv2", MOVE_MS, 17) };
  const record = { ...nonsense.record, reason: "BECAUSE" as never };
  expect(broken(({ decisions }) => ({ decisions: [...decisions, { ...nonsense, record }] }))).toEqual([
    "every decision has a reason",
  ]);
});

test("moves that nothing paid for are told", () => {
  expect(broken(() => ({ spells: [], tries: pages(), standing: pages() }))).toEqual(["no flapping"]);
});

test("an epoch that falls, or that two nodes took, is told", () => {
  const lower = { atMs: 25_000, node: "srv2", incarnation: "a", group: "www", epoch: 15 };
  expect(broken(({ epochs }) => ({ epochs: [...epochs, lower] }))).toEqual(["epochs only grow"]);
  expect(broken(({ decisions }) => ({ decisions: [...decisions, taken("srv3", 30_000, 17)] }))).toEqual([
    "epochs only grow",
  ]);
});

test("the report shows what was on around a broken promise, and the command that repeats it", () => {
  const evidence = sound();
  const meetings = [{ nodes: ["srv1", "srv2"], fromMs: MOVE_MS, toMs: MOVE_MS + 4 }];
  const wrong = { ...evidence, segment: { ...evidence.segment, meetings } };
  const text = renderReport(wrong, judge(wrong, 20_000)).join("\n");
  expect(text).toContain("BROKEN: never two holders for a visitor");
  expect(text).toContain("srv1 and srv2 both answered the visitor for 4.0 ms");
  expect(text).toContain("20000 × arp-answer from srv2");
  expect(text).toContain("srv2: GROUP_TAKEN");
  expect(text).toContain("again: npm run chaos -- --seed 1 --minutes 1 --nodes 3");
});
