/** The gate and the lease: open only while evidence is fresh, closed first of all. */

import type { Mutant } from "../mutant.ts";

const GROUP = "core/node/group.ts";
const NODE = "core/node/node.ts";
const EVIDENCE = "core/ownership/evidence.ts";

export const GATE_MUTANTS: readonly Mutant[] = [
  {
    name: "release-leaves-gate-open",
    breaks: "A group that moves away keeps its gate open until its time is over.",
    patches: [{ file: GROUP, find: `if (this.role !== "idle") this.close(turn);`, replace: "" }],
    caughtBy: ["one holder"],
    within: 60,
  },
  {
    name: "yield-leaves-gate-open",
    breaks: "A node that gives way to another holder keeps its gate open until its time is over.",
    patches: [
      {
        file: GROUP,
        find: `yieldTo(turn: Turn, to: string, because: string): void {
    this.close(turn);`,
        replace: "yieldTo(turn: Turn, to: string, because: string): void {",
      },
    ],
    coveredBy:
      "Two holders that read each other do not come to be: whoever hears of a higher epoch has long lost its own gate.",
    goldenCase: "One of two holders must give way: the higher epoch wins",
  },
  {
    name: "close-does-nothing",
    breaks: "No gate is ever closed; all end by their time.",
    patches: [{ file: GROUP, find: `turn.emit({ kind: "close", vips: this.vips, remove: true });`, replace: "{}" }],
    caughtBy: ["one holder"],
    within: 60,
  },
  {
    name: "evidence-lasts-twice",
    breaks: "An echoed beat keeps the gate open for twice as long.",
    patches: [
      {
        file: EVIDENCE,
        find: "this.peersUntil = later(this.peersUntil, after(sentAt, this.timing.echoMs));",
        replace: "this.peersUntil = later(this.peersUntil, after(sentAt, 2 * this.timing.echoMs));",
      },
    ],
    caughtBy: ["inside the lease"],
    within: 60,
  },
  {
    name: "lapse-not-noticed",
    breaks: "A holder whose evidence ended stays the holder, with its gate closed.",
    patches: [
      {
        file: GROUP,
        find: `      this.lapse(turn);
      return;
    }
    this.moveAway(turn);`,
        replace: `      return;
    }
    this.moveAway(turn);`,
      },
    ],
    caughtBy: ["reasons", "served after healing", "served meanwhile"],
    within: 60,
  },
  {
    name: "pause-not-detected",
    breaks: "A node that did not run for a while goes on as if it had.",
    patches: [{ file: NODE, find: "return this.takePause(turn, life, input);", replace: "return;" }],
    caughtBy: ["services"],
    within: 100,
    trial: "frozen retry",
  },
  {
    name: "carrier-loss-keeps-evidence",
    breaks: "After a cable was pulled the evidence of before still counts.",
    patches: [{ file: NODE, find: "s.segments[input.link]?.forget();", replace: "" }],
    coveredBy: "Evidence is dated by our own questions, so that of before the loss ends as soon as without it.",
    goldenCase: "The carrier comes back and nothing is heard: what was known before does not count",
  },
  {
    name: "stall-keeps-gate",
    breaks: "A daemon whose main thread hangs says that it left, and goes on serving.",
    patches: [
      {
        file: GROUP,
        find: `settleHolding(turn: Turn): void {
    const s = this.s;
    if (s.stalled || s.gateBroken) {`,
        replace: `settleHolding(turn: Turn): void {
    const s = this.s;
    if (s.gateBroken) {`,
      },
    ],
    coveredBy: "A node whose main thread hangs is not eligible either, so its group moves away in the same step.",
    goldenCase: "The main thread hangs: the gate is closed first, then the node says left",
  },
  {
    name: "stall-not-told",
    breaks: "A daemon whose main thread hangs does not say that it left, so everybody waits for its services.",
    patches: [{ file: "core/node/beats.ts", find: `s.stalled ? "left" : s.mode`, replace: "s.mode" }],
    caughtBy: ["scenario"],
    within: 40,
    trial: "stall with a service",
  },
  {
    name: "restart-without-agreement",
    breaks: "A daemon that restarts stretches its leases although peers have not agreed to wait.",
    patches: [{ file: "core/node/requests.ts", find: "if (waitingFor.length > 0) {", replace: "if (false) {" }],
    caughtBy: ["one holder", "inside the lease"],
    within: 100,
    trial: "restart unheard",
  },
  {
    name: "restart-not-waited-for",
    breaks: "Nobody waits for a daemon that restarts with a stated end.",
    patches: [
      { file: "core/membership/roster.ts", find: `if (now < peer.restartUntil + marginMs) return "up";`, replace: "" },
    ],
    caughtBy: ["one holder"],
    within: 40,
    trial: "restart and cut",
  },
  {
    name: "restart-lease-outlives-evidence",
    breaks: "A restarted daemon serves until the stated end, also when its own evidence ended before.",
    patches: [{ file: GROUP, find: "if (isResumed && hasAll) this.resumedUntil = LONG_AGO;", replace: "" }],
    caughtBy: ["scenario"],
    within: 40,
    trial: "restart and power",
  },
  {
    name: "restart-lease-has-no-end",
    breaks: "A daemon that comes back after the stated end still believes in its former self's lease.",
    patches: [
      {
        file: GROUP,
        find: `if (handed.until <= turn.now) return;
    this.role = "holding";`,
        replace: `this.role = "holding";`,
      },
    ],
    coveredBy:
      "Its gate has long been closed by the kernel, and the lease of a self that comes too late lapses in the same step.",
    goldenCase: "A next self that comes too late holds nothing and observes first",
  },
];
