/** Asking the wire: an address is taken only when nobody answers for it, on a segment that carries the question. */

import type { Mutant } from "../mutant.ts";

const NODE = "core/node/node.ts";
const CLAIMING = "core/node/claiming.ts";
const PROBE = "core/ownership/vip-probe.ts";

export const WIRE_MUTANTS: readonly Mutant[] = [
  {
    name: "wire-not-asked",
    breaks: "An address is taken without asking the wire who has it.",
    patches: [
      {
        file: CLAIMING,
        find: "const carried = carriedOn(s, linkOf(vip), now);",
        replace: "if (now > 0) return undefined;\n    const carried = carriedOn(s, linkOf(vip), now);",
      },
    ],
    caughtBy: ["one holder"],
    within: 40,
    trial: "filtered",
  },
  {
    name: "answers-of-nodes-ignored",
    breaks: "A cluster node's hardware address that answers for the address does not matter.",
    patches: [
      {
        file: NODE,
        find: "group.claiming?.answered({ address, node, mac, probe: answer.probe, now: turn.now });",
        replace: "",
      },
    ],
    caughtBy: ["one holder"],
    within: 60,
  },
  {
    name: "uncarried-questions-count",
    breaks: "An unanswered question counts though the segment was not proven to carry it.",
    patches: [{ file: PROBE, find: " && at >= carried.since && at <= carried.until", replace: "" }],
    coveredBy: "A node that was deaf waits a whole lease anyway, and in that time a question is carried and answered.",
    goldenCase: "The gateway is lost while nobody else is heard: the lease lapses",
  },
  {
    name: "deaf-time-forgotten",
    breaks: "A node that was deaf takes over at once, though the silent one may have been renewed meanwhile.",
    patches: [{ file: CLAIMING, find: "if (silent && now - hearing < s.timing.waitMs)", replace: "if (false)" }],
    coveredBy: "Only questions that were carried count, so the holder had its time to answer.",
    goldenCase: "The gateway is lost while nobody else is heard: the lease lapses",
  },
  {
    name: "unknown-machine-is-stranger",
    breaks: "A hardware address that is not known yet is a stranger's at once.",
    patches: [
      { file: NODE, find: "const STRANGER_AFTER_MS = 100;", replace: "const STRANGER_AFTER_MS = -1;" },
      { file: NODE, find: "if (since !== undefined && turn.now", replace: "if (turn.now" },
      { file: NODE, find: "- since >= STRANGER_AFTER_MS", replace: "- (since ?? 0) >= STRANGER_AFTER_MS" },
    ],
    coveredBy: "A booting node learns the others' hardware addresses while it observes, before it may take anything.",
    goldenCase: "The holder's daemon hangs and its kernel lives: the kernel's lease decides all the same",
  },
  {
    name: "stranger-keeps-site-down",
    breaks: "A machine outside the cluster that answers for everything counts as a holder.",
    patches: [
      {
        file: NODE,
        find: "if (since !== undefined && turn.now - since >= STRANGER_AFTER_MS) return true;",
        replace: "",
      },
    ],
    coveredBy:
      "Whoever answers ARP and no echo is disbelieved, a stranger too; without this rule the site would come up later.",
    goldenCase: "A stranger answers for the address: an alarm, and the site comes up all the same",
  },
  {
    name: "fabric-always-believed",
    breaks: "A fabric that answers ARP for the dead is believed for ever.",
    patches: [{ file: PROBE, find: "if (quiet < QUIET_ECHOES) return undefined;", replace: "return undefined;" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "fabric",
  },
  {
    name: "rivals-proceed",
    breaks: "Two nodes that ask the wire for one address and cannot hear each other's frames both go on.",
    patches: [{ file: CLAIMING, find: "if (rival === undefined) return undefined;", replace: "return undefined;" }],
    caughtBy: ["one holder"],
    within: 300,
  },
];
