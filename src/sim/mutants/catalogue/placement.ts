/** Where a group belongs: health, operators' wishes, failback. */

import type { Mutant } from "../mutant.ts";

const PLACEMENT = "core/ownership/placement.ts";
const CANDIDATES = "core/node/candidates.ts";
const GROUP = "core/node/group.ts";
const STANDING = "core/node/standing.ts";

export const PLACEMENT_MUTANTS: readonly Mutant[] = [
  {
    name: "standby-ignored",
    breaks: "A node in standby holds groups.",
    patches: [{ file: CANDIDATES, find: `if (s.mode === "standby") return no("is in standby", true);`, replace: "" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "standby",
  },
  {
    name: "maintenance-ignored",
    breaks: "Groups move during maintenance.",
    patches: [
      { file: PLACEMENT, find: "if (question.maintenance) {", replace: "if (false) {" },
      { file: STANDING, find: `if (inMaintenance(s) && this.group.role !== "lapsed") return false;`, replace: "" },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "maintenance",
  },
  {
    name: "bar-ignored",
    breaks: "A node on which a group could not be started holds it all the same.",
    patches: [{ file: CANDIDATES, find: "if (group.barred !== undefined) return", replace: "if (false) return" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "barred",
  },
  {
    name: "failback-never-ignored",
    breaks: "A group goes home although its failback is never.",
    patches: [
      { file: PLACEMENT, find: `if (failback.kind === "auto") {`, replace: `if (failback.kind !== "after") {` },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "failback never",
  },
  {
    name: "failback-does-not-wait",
    breaks: "A group goes home at once although its failback waits.",
    patches: [{ file: PLACEMENT, find: "if (waitMs <= 0)", replace: "if (true)" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "failback waits",
  },
  {
    name: "all-sick-moves",
    breaks: "A monitor that fails on every node takes the group down.",
    patches: [{ file: PLACEMENT, find: "if (here?.soft === true) {", replace: "if (false) {" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "all sick",
  },
  {
    name: "monitors-ignored",
    breaks: "A node whose required monitor fails is as good as any.",
    patches: [{ file: CANDIDATES, find: `if (monitor?.verdict === "down") return`, replace: "if (false) return" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "holder sick",
  },
  {
    name: "other-file-accepted",
    breaks: "A node that runs another cluster file is as good as any.",
    patches: [
      { file: CANDIDATES, find: `if (peer.config !== s.configHash) return`, replace: "if (false) return" },
      {
        file: STANDING,
        find: `return peer?.state === "up" && peer.config === this.s.configHash;`,
        replace: `return peer?.state === "up";`,
      },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "other file",
  },
  {
    name: "cut-off-node-is-eligible",
    breaks: "A node that is cut off from the addresses' network calls itself well.",
    patches: [
      {
        file: CANDIDATES,
        find: "if (segment !== undefined && segment.reach(now) === 0 && segment.signsUntil <= now) {",
        replace: "if (false) {",
      },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "public cable",
  },
  {
    name: "observing-skipped",
    breaks: "A daemon that has just started takes groups before it has looked around.",
    patches: [{ file: "core/node/settling.ts", find: "if (!heard && !waited) return;", replace: "" }],
    coveredBy:
      "The wire and the claims keep a node that looks at nothing from taking what others hold; groups would go to whoever boots first.",
    goldenCase: "Two nodes boot together: the preferred one takes the group",
  },
  {
    name: "clear-ignored",
    breaks: "What an operator clears stays barred.",
    patches: [{ file: GROUP, find: "if (version === this.clearedVersion) return;", replace: "return;" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "cleared",
  },
  {
    name: "released-not-taken-back",
    breaks: "A group that was released because a monitor failed stays without a holder when it fails everywhere.",
    patches: [
      {
        file: "core/node/standing.ts",
        find: "return this.placement.node === undefined && this.own()?.soft === true;",
        replace: "return false;",
      },
    ],
    coveredBy: "Checks of two nodes rarely fail within the few milliseconds that a release takes.",
    goldenCase: "A required monitor goes down everywhere, here a moment before: what was released is taken back",
  },
  {
    name: "end-does-not-win",
    breaks: "Of two wishes with one number the later node's wins, also a beginning over an end.",
    patches: [
      {
        file: "core/node/wishes.ts",
        find: `if ((a.value === "off") !== (b.value === "off")) return a.value === "off";`,
        replace: "",
      },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "wishes that cross",
  },
  {
    name: "old-wishes-win",
    breaks: "The older of two wishes wins.",
    patches: [
      { file: "core/node/wishes.ts", find: "return a.version > b.version;", replace: "return a.version < b.version;" },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "old standby",
  },
];
