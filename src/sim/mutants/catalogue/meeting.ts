/** Two holders that meet, and the way back from disagreement. */

import type { Mutant } from "../mutant.ts";

const NODE = "core/node/node.ts";
const GROUP = "core/node/group.ts";

export const MEETING_MUTANTS: readonly Mutant[] = [
  {
    name: "higher-epoch-does-not-win",
    breaks: "A holder that hears of a higher epoch goes on.",
    patches: [
      {
        file: GROUP,
        find: "if (lost) this.yieldTo(turn, report.holder,",
        replace: "if (false) this.yieldTo(turn, report.holder,",
      },
    ],
    coveredBy:
      "A holder learns of a higher epoch only after its own gate closed; it would keep its services, not the address.",
    goldenCase: "One of two holders must give way: the higher epoch wins",
  },
  {
    name: "never-yields-to-announcement",
    breaks: "A holder that cannot read the other's frames ignores its announcements.",
    patches: [
      {
        file: NODE,
        find: "if (peer !== undefined && !peer.alive && this.givesWay(life, peer, input.link)) {",
        replace: "if (false) {",
      },
    ],
    coveredBy:
      "Two holders that cannot read each other are prevented by the wire; this rule ends what should not exist.",
    goldenCase: "The other announces the address and its frames cannot be read: the order of the file decides",
  },
  {
    name: "both-yield-to-announcement",
    breaks: "Of two that announce one address, neither stays.",
    patches: [
      {
        file: NODE,
        find: "return peer.index < this.options.config.nodes.findIndex((node) => node.name === life.s.me);",
        replace: "return true;",
      },
    ],
    coveredBy: "As above: the two holders that it is about do not come to be.",
    goldenCase: "The same on the node that comes first in the file: it stays and announces again",
  },
  {
    name: "starting-ignores-announcement",
    breaks: "A node that is about to open does not mind that another announced the address first.",
    patches: [
      {
        file: NODE,
        find: `if (group.role === "starting" && node !== undefined) group.yieldTo`,
        replace: "if (false) group.yieldTo",
      },
    ],
    coveredBy: "Whoever announced it answers for it on the wire too, which is asked until the gate opens.",
    goldenCase: "Another node announces the address while services start here: this one gives way",
  },
  {
    name: "holders-not-learned",
    breaks: "A node does not learn the epochs and holders that others report.",
    patches: [{ file: GROUP, find: "if (report.epoch > this.epoch) {", replace: "if (false) {" }],
    caughtBy: ["served after healing", "one holder", "epochs"],
    within: 60,
  },
  {
    name: "dead-not-told",
    breaks:
      "A holder is silent towards the dead, so one that stood still learns with the next beats that it was replaced.",
    patches: [{ file: "core/node/beats.ts", find: "TELL_THE_DEAD_MS = 60_000", replace: "TELL_THE_DEAD_MS = 0" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "migrated",
  },
];
