/** Evidence: dated by when we asked, authentic, and of our own. */

import type { Mutant } from "../mutant.ts";

const NODE = "core/node/node.ts";
const EVIDENCE = "core/ownership/evidence.ts";
const ROSTER = "core/membership/roster.ts";

export const EVIDENCE_MUTANTS: readonly Mutant[] = [
  {
    name: "echo-dated-by-reading",
    breaks: "An echoed beat counts from when the echo was read, not from when the beat was sent.",
    patches: [
      {
        file: NODE,
        find: "s.segments[frame.link]?.echoed(outcome.echoSentAt);",
        replace: "s.segments[frame.link]?.echoed(turn.now);",
      },
    ],
    caughtBy: ["inside the lease"],
    within: 60,
  },
  {
    name: "gateway-dated-by-reading",
    breaks: "A gateway's answer counts from when it was read, not from when the question was asked.",
    patches: [
      { file: NODE, find: "segment.gatewayAnswered(input.sentAt)", replace: "segment.gatewayAnswered(turn.now)" },
    ],
    caughtBy: ["inside the lease"],
    within: 60,
    trial: "filtered and frozen",
  },
  {
    name: "kernel-dated-by-reading",
    breaks: "A peer's kernel's answer counts from when it was read, not from when the question was asked.",
    patches: [
      { file: NODE, find: "segment?.kernelAnswered(input.sentAt)", replace: "segment?.kernelAnswered(turn.now)" },
    ],
    coveredBy:
      "Kernels are asked often and answer at once; what lay in a socket is younger than a lease, or its daemon was paused.",
    goldenCase: "Without a gateway half of four nodes keep",
  },
  {
    name: "any-frame-is-evidence",
    breaks: "A frame that echoes nothing of ours counts as evidence.",
    patches: [
      {
        file: NODE,
        find: `if (outcome.kind === "heard" && outcome.echoSentAt !== undefined) {
      s.segments[frame.link]?.echoed(outcome.echoSentAt);`,
        replace: `if (outcome.kind === "heard") {
      s.segments[frame.link]?.echoed(outcome.echoSentAt ?? turn.now);`,
      },
    ],
    caughtBy: ["inside the lease"],
    within: 60,
  },
  {
    name: "unconfirmed-incarnation-believed",
    breaks: "A frame of an unknown incarnation is believed though it echoes nothing recent: also a replayed one.",
    patches: [{ file: ROSTER, find: "if (!this.confirms(peer, frame, now)) {", replace: "if (false) {" }],
    coveredBy:
      "Frames are numbered, so a capture of an old life is used up at once; the next true frame brings the present one back.",
    goldenCase: "A node comes back with a new incarnation and holds nothing",
  },
  {
    name: "replayed-frames-believed",
    breaks: "A frame is believed again when somebody sends a capture of it.",
    patches: [
      { file: ROSTER, find: "} else if (frame.sequence <= link.sequence) {", replace: "} else if (false) {" },
      { file: "core/membership/replay.ts", find: "if (frame.sequence <= known.sequence) return false;", replace: "" },
    ],
    caughtBy: ["scenario"],
    within: 100,
    trial: "replay",
  },
  {
    name: "gateway-excuse",
    breaks: "Where a gateway could answer, no evidence is needed while all others left, stand by, or are silent.",
    patches: [
      {
        file: "core/node/settling.ts",
        find: "if (segment.gateways.length > 0 || s.interfaces[link]?.up !== true) continue;",
        replace: "",
      },
    ],
    caughtBy: ["one holder", "inside the lease"],
    within: 60,
  },
  {
    name: "no-evidence-of-its-own",
    breaks: "A taker needs no sign of life of its own on the segment.",
    patches: [
      {
        file: "core/node/claiming.ts",
        find: `if (typeof carried === "string") return carried;`,
        replace: `if (typeof carried === "string") return undefined;`,
      },
    ],
    caughtBy: ["one holder", "inside the lease"],
    within: 40,
    trial: "cut standby",
  },
  {
    name: "waits-for-the-interval-only",
    breaks: "A taker waits for an interval and a little, and not for the holder's evidence to end.",
    patches: [{ file: "core/base/timing.ts", find: "waitMs: Math.max(", replace: "waitMs: 0.65 * Math.max(" }],
    caughtBy: ["one holder"],
    within: 150,
  },
  {
    name: "no-margin",
    breaks: "A taker waits exactly as long as the holder's gate may be open.",
    patches: [
      { file: "core/base/timing.ts", find: "waitMs: Math.max(", replace: "waitMs: Math.min(intervalMs + evidenceMs, " },
    ],
    coveredBy:
      "A holder that lives answers on the wire until its gate is closed; the margin is for clocks that run wrong and timers that are late.",
    goldenCase: "The holder dies: the standby takes over when its lease is over, and not before",
  },
  {
    name: "drift-not-waited-for",
    breaks: "A taker waits as long as the settings say, also when their margin is too small for clocks that run wrong.",
    patches: [
      {
        file: "core/base/timing.ts",
        find: ", leastWaitMs(intervalMs + evidenceMs)),",
        replace: ", 0 * leastWaitMs(intervalMs + evidenceMs)),",
      },
    ],
    coveredBy:
      "A holder that lives answers on the wire until its gate is closed, however slow its clock; drawn clusters have the margin that covers it.",
    goldenCase:
      "The holder dies, and the margin is too small for clocks that run wrong: the standby waits for the slowest clock",
  },
  {
    name: "own-pause-not-forgiven",
    breaks: "A node that was paused takes the silence of that time for the others' death.",
    patches: [{ file: NODE, find: "s.roster.forgive(input.gapMs, turn.now);", replace: "" }],
    coveredBy: "A thawed node believes the others dead, but hears their kernels on the wire and takes nothing.",
    goldenCase: "A pause in which the other took over",
  },
  {
    name: "any-peer-is-enough",
    breaks: "One peer that hears a node keeps its gate open, also when a switch took the gateway and the others away.",
    patches: [{ file: EVIDENCE, find: "earlier(this.peersUntil, this.cover)", replace: "this.peersUntil" }],
    caughtBy: ["one holder", "inside the lease"],
    within: 20,
    trial: "split off holder",
  },
  {
    name: "takes-without-cover",
    breaks: "A node takes an address though nothing is known of nodes that may be in the part with the gateway.",
    patches: [
      {
        file: "core/node/cover.ts",
        find: "export function mayTake(s: Surroundings, link: number, now: Instant): boolean {",
        replace:
          "export function mayTake(s: Surroundings, link: number, now: Instant): boolean {\n  if (now > 0) return true;",
      },
    ],
    coveredBy:
      "A node that hears no gateway has no row of proofs that reaches the other part, and waits after it heard again.",
    goldenCase: "The part without the gateway takes nothing, although it is the larger one",
  },
  {
    name: "half-may-take",
    breaks: "On a segment without a gateway half of the nodes may take, not only more than half.",
    patches: [
      { file: "core/node/cover.ts", find: "Math.floor(nodes / 2)) > now", replace: "Math.ceil(nodes / 2) - 1) > now" },
    ],
    caughtBy: ["one holder"],
    within: 20,
    trial: "halves without a gateway",
  },
];
