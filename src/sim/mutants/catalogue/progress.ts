/** The site comes back: waking up, taking over, telling the segment, giving reasons. */

import type { Mutant } from "../mutant.ts";

const NODE = "core/node/node.ts";
const GROUP = "core/node/group.ts";
const ANNOUNCING = "core/node/announcing.ts";

export const PROGRESS_MUTANTS: readonly Mutant[] = [
  {
    name: "never-takes-over",
    breaks: "Nobody takes a dead holder's group.",
    patches: [
      {
        file: "core/node/standing.ts",
        find: "if (peer === undefined || !peer.alive) return true;",
        replace: "if (peer === undefined) return true;\n    if (!peer.alive) return false;",
      },
    ],
    caughtBy: ["prompt takeover", "served after healing"],
    within: 60,
  },
  {
    name: "wake-up-not-asked-for",
    breaks: "The core acts only when something arrives.",
    patches: [{ file: NODE, find: "wakeAt: life.s.frozen ? NEVER : life.settling.wakeAt()", replace: "wakeAt: NEVER" }],
    caughtBy: ["served after healing"],
    within: 60,
  },
  {
    name: "group-timers-forgotten",
    breaks: "The next wake-up leaves out the timers of groups.",
    patches: [{ file: "core/node/settling.ts", find: "wake = earlier(wake, group.wakeAt(now));", replace: "" }],
    coveredBy: "Beats wake the core every interval; it would decide up to one interval late.",
    goldenCase: "Services start in order, the gate opens last; they stop in reverse, the gate closes first",
  },
  {
    name: "spins",
    breaks: "The core wants to be woken at once, for ever.",
    patches: [
      { file: NODE, find: "wakeAt: life.s.frozen ? NEVER : life.settling.wakeAt()", replace: "wakeAt: turn.now" },
    ],
    caughtBy: ["spin"],
    within: 60,
  },
  {
    name: "takeover-not-announced",
    breaks: "A new holder does not tell the segment.",
    patches: [{ file: ANNOUNCING, find: `turn.emit({ kind: "announce", vips: this.vips });`, replace: "" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "takeover",
  },
  {
    name: "announced-once",
    breaks: "A new holder tells the segment once, and never again.",
    patches: [{ file: ANNOUNCING, find: "[0, 20, 100, 300, 1_000, 2_000, 5_000]", replace: "[0]" }],
    caughtBy: ["scenario"],
    within: 95,
    trial: "lossy takeover",
  },
  {
    name: "contradiction-not-answered",
    breaks: "A holder does not announce again when somebody contradicts.",
    patches: [{ file: NODE, find: "group.announcing.begin(turn.now);", replace: "{}" }],
    coveredBy: "The clients of the simulator ask anew after some seconds; until then they would be lost.",
    goldenCase: "Somebody who is no node uses the address while it is served here",
  },
  {
    name: "beats-do-not-answer-beats",
    breaks: "Beats run on their own timers, so echoes are up to an interval old.",
    patches: [
      {
        file: "core/node/beats.ts",
        find: `if (frame.kind === "beat" && turn.now - this.beatAt > this.s.timing.intervalMs / 2) this.beatAt = LONG_AGO;`,
        replace: "",
      },
    ],
    coveredBy: "Gateways and peers are asked when echoes are old: it costs packets, and no gate.",
    goldenCase: "A short cut closes nothing",
  },
  {
    name: "missing-beats-not-asked-for",
    breaks: "Nobody is asked when a beat is missing.",
    patches: [{ file: "core/node/beats.ts", find: "if (turn.now < this.probeAt + askMs) return;", replace: "return;" }],
    caughtBy: ["spin"],
    within: 60,
  },
  {
    name: "gateway-not-asked",
    breaks: "Gateways are never asked.",
    patches: [
      {
        file: "core/node/asking.ts",
        find: "for (const address of segment.gateways) turn.emit(",
        replace: "for (const address of [] as string[]) turn.emit(",
      },
    ],
    caughtBy: ["served after healing", "needless moves", "prompt takeover"],
    within: 60,
  },
  {
    name: "takeover-without-reason",
    breaks: "A takeover leaves no decision on record.",
    patches: [{ file: GROUP, find: `this.record(turn, "GROUP_TAKEN", {`, replace: "void ({" }],
    caughtBy: ["reasons"],
    within: 60,
  },
  {
    name: "move-without-reason",
    breaks: "A group moves away and no decision says why.",
    patches: [
      {
        file: GROUP,
        find: `const facts = { to: options.to ?? "any eligible node", because: options.because };`,
        replace: `const facts = { to: options.to ?? "any eligible node", because: "" };`,
      },
    ],
    caughtBy: ["reasons"],
    within: 60,
  },
];
