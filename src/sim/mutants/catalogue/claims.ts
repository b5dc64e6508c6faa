/** Claims, grants and epochs: who of several may take. */

import type { Mutant } from "../mutant.ts";

const NODE = "core/node/node.ts";
const GROUP = "core/node/group.ts";
const CLAIMING = "core/node/claiming.ts";
const CLAIMS = "core/ownership/claims.ts";

export const CLAIM_MUTANTS: readonly Mutant[] = [
  {
    name: "epoch-not-raised",
    breaks: "A group is taken at the epoch at which it was held before.",
    patches: [{ file: GROUP, find: "const epoch = this.claiming?.epoch ?? 0;", replace: "const epoch = this.epoch;" }],
    caughtBy: ["epochs"],
    within: 60,
  },
  {
    name: "epochs-counted-by-one",
    breaks: "Nodes count epochs by one, not each in a class of its own.",
    patches: [
      {
        file: "core/ownership/epoch.ts",
        find: "return base > highest ? base : base + MAX_NODES;",
        replace: "return highest + 1;",
      },
    ],
    caughtBy: ["epochs"],
    within: 150,
  },
  {
    name: "epochs-forgotten-at-start",
    breaks: "A daemon does not read its epochs at its start.",
    patches: [
      {
        file: NODE,
        find: "group.grants.epoch = input.epochs[group.config.name] ?? 0;",
        replace: "group.grants.epoch = 0;",
      },
    ],
    caughtBy: ["epochs"],
    within: 150,
  },
  {
    name: "epochs-not-persisted",
    breaks: "Epochs are never written to the disk.",
    patches: [
      { file: "core/node/settling.ts", find: "epochs: { ...this.reserved }, wishes", replace: "epochs: {}, wishes" },
    ],
    caughtBy: ["epochs"],
    within: 150,
  },
  {
    name: "epoch-block-not-extended",
    breaks: "Epochs beyond the block reserved at the start are used and not written down.",
    patches: [
      {
        file: "core/node/settling.ts",
        find: "short ||= used + EPOCH_BLOCK / 2 > ",
        replace: "short ||= used < -EPOCH_BLOCK + ",
      },
    ],
    caughtBy: ["epochs"],
    within: 20,
    trial: "many moves",
  },
  {
    name: "attempts-share-a-number",
    breaks: "A new attempt uses the epoch of an older one, so answers to that one fit.",
    patches: [
      {
        file: GROUP,
        find: "this.claiming === undefined ? Math.max(highest, this.claimed) : highest;",
        replace: "highest;",
      },
    ],
    coveredBy:
      "An old answer is taken out of the frames before a new attempt can have its number, and the wire is asked anyway.",
    goldenCase: "Cut off from everybody: the lease lapses and is taken up again",
  },
  {
    name: "claims-not-told",
    breaks: "A taker tells nobody what it claims.",
    patches: [
      { file: GROUP, find: `return this.claiming === undefined || this.role === "starting"`, replace: "return true" },
    ],
    caughtBy: ["served after healing"],
    within: 60,
  },
  {
    name: "refusals-ignored",
    breaks: "A claim that a living node refuses is taken all the same.",
    patches: [
      {
        file: CLAIMING,
        find: "return answer.granted ? undefined : `${peer.name} refused: ${answer.reason}`;",
        replace: "return undefined;",
      },
    ],
    coveredBy:
      "The refused one finds the other on the wire, or among its rivals, and the two agree by their place in the file.",
    goldenCase: "A claim that a living node refuses is not taken, however quiet the wire",
  },
  {
    name: "nobody-is-asked",
    breaks: "A taker does not wait for anybody's answer.",
    patches: [
      {
        file: CLAIMING,
        find: "if (!peer.alive) return undefined;\n    if (releasedTo",
        replace: "return undefined;\n    if (releasedTo",
      },
    ],
    caughtBy: ["one holder"],
    within: 100,
    trial: "isolated survivors",
  },
  {
    name: "grants-to-two",
    breaks: "A node grants a group to two claimers at a time.",
    patches: [
      {
        file: CLAIMS,
        find: `if (standing !== undefined && standing !== claimer) return { granted: false, reason: "GRANTED_TO_ANOTHER" };`,
        replace: "",
      },
    ],
    caughtBy: ["one holder"],
    within: 100,
    trial: "third hears both",
  },
  {
    name: "grant-not-kept",
    breaks: "A grant is forgotten as soon as it was given.",
    patches: [{ file: CLAIMS, find: "this.until = after(now, graceMs);", replace: "this.until = now;" }],
    caughtBy: ["one holder"],
    within: 100,
    trial: "third hears both",
  },
  {
    name: "grants-old-epochs",
    breaks: "A node grants a claim whose epoch is not above what it knows.",
    patches: [
      {
        file: CLAIMS,
        find: "if (!repeated && epoch <= Math.max(question.knownEpoch, this.epoch)) {",
        replace: "if (false) {",
      },
    ],
    coveredBy:
      "Every claimer goes above what it hears of; a lower claim is old news, and the wire is asked all the same.",
    goldenCase: "A claim with an epoch that is over is refused",
  },
  {
    name: "grants-while-busy",
    breaks: "A holder grants another node's claim to its own group.",
    patches: [
      { file: CLAIMS, find: `if (question.busyHere) return { granted: false, reason: "BUSY_HERE" };`, replace: "" },
    ],
    coveredBy:
      "A claimer that hears its holder does not claim, and one that does not hear it does not wait for its answer.",
    goldenCase: "A claim while the holder is well is refused",
  },
  {
    name: "grants-while-holder-lives",
    breaks: "A node grants a claim though it does not itself find the holder dead.",
    patches: [
      {
        file: CLAIMS,
        find: `if (question.holderAlive) return { granted: false, reason: "HOLDER_ALIVE" };`,
        replace: "",
      },
    ],
    caughtBy: ["one holder"],
    within: 100,
    trial: "third hears both",
  },
  {
    name: "outbid-claim-not-raised",
    breaks: "A claim below somebody's known epoch is never raised.",
    patches: [
      {
        file: GROUP,
        find: "if (this.claiming.epoch < highest || this.claiming.isOutbid(s)) {",
        replace: "if (false) {",
      },
    ],
    caughtBy: ["served after healing"],
    within: 60,
  },
  {
    name: "takes-beside-living-holder",
    breaks: "A group is taken although its holder is alive and serves it.",
    patches: [
      {
        file: "core/node/standing.ts",
        find: "return report !== undefined && !isServing(report.role);",
        replace: "return true;",
      },
    ],
    coveredBy: "The living holder refuses the claim, and answers on the wire.",
    goldenCase: "The network answers ARP for the dead holder: asked by echo too, it is not believed",
  },
  {
    name: "grant-does-not-bind",
    breaks: "A node that granted a claim takes the group itself while the claimer still claims.",
    patches: [{ file: GROUP, find: " || isPromised(s, this, turn.now)", replace: "" }],
    coveredBy: "The claimer is found on the wire, or by its frames, before the granter could open.",
    goldenCase: "A claim that was granted binds the granter too: it does not take what was released to it before",
  },
  {
    name: "grants-to-the-dead-stand",
    breaks:
      "The last claim of a node that died is granted anew with every beat, so no other claimer ever gets the grant.",
    patches: [{ file: "core/node/beats.ts", find: "peer.alive ? peer.claims : []", replace: "peer.claims" }],
    coveredBy:
      "The granter whose turn it is takes the group itself; only a third node that needs its grant would wait, until the dead one is back.",
    goldenCase: "A grant to a node that died afterwards ends, and another one is granted",
  },
  {
    name: "unheard-answer-is-no-lease",
    breaks: "A node that is not heard and answered on the wire after its lease is no hindrance once it is quiet.",
    patches: [
      {
        file: "core/node/claiming.ts",
        find: "const unheard = this.servedUnheard(s, now);",
        replace: "const unheard = undefined;",
      },
    ],
    coveredBy:
      "The wire is asked until the gate opens; only who answers, and is cut off or stands still before the next question, is met.",
    goldenCase:
      "The holder's daemon is silent but its kernel still serves the address: it is not taken before a whole lease of silence",
  },
  {
    name: "the-deaf-are-asked",
    breaks: "A node that is heard and hears nobody must answer a claim before a group moves.",
    patches: [
      {
        file: "core/node/cover.ts",
        find: `if (peer.state !== "up" ||`,
        replace: `if (peer.state === "up" ||`,
      },
    ],
    caughtBy: ["scenario"],
    within: 20,
    trial: "deaf bystander",
  },
  {
    name: "grants-to-the-deaf",
    breaks: "A node that hears nobody is granted what it claims, and would learn of the grant's end too late.",
    patches: [
      {
        file: "core/node/granting.ts",
        find: "isDeaf: isDeaf(s, claimer, { vips: group.vips, now }),",
        replace: "isDeaf: false,",
      },
    ],
    coveredBy:
      "Who hears nobody does not hear that it was granted anything either, unless it hears again at that moment.",
    goldenCase: "The holder hears nobody and says that its lease ended: the group is taken, although it is heard",
  },
];
