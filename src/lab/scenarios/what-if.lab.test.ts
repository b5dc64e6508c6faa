/** What `understudy simulate` predicts from a lab's own cluster file, against what the lab's daemons then do. */

import { expect, test } from "vitest";
import type { EventRecord } from "../../api/types.ts";
import { pause } from "../clock.ts";
import { heal } from "../faults/catalog.ts";
import { type Lab, withLab } from "../lab.ts";
import { nodePaths } from "../prepare.ts";
import { watchSite } from "./site.fixture.ts";

/** The reasons that make up a takeover; links and gateways come and go beside them in any order. */
const TOLD = new Set(["PEER_SUSPECT", "PEER_DEAD", "GROUP_LAPSED", "GROUP_TAKEN", "GROUP_YIELDED", "GROUP_RELEASED"]);

/** A decision without what only chance decides. */
function essence(reason: string, text: string): string {
  return `${reason}: ${text.replaceAll(/\b[0-9]+(?= ms)/g, "N").replaceAll(/epoch [0-9]+/g, "epoch N")}`;
}

interface Prediction {
  readonly end: readonly { readonly group: string; readonly on: readonly string[] }[];
  readonly entries: readonly {
    readonly kind: string;
    readonly by: readonly string[];
    readonly reason?: string;
    readonly text: string;
  }[];
}

/** Plays a script with the file that the nodes of the lab run. */
async function predict(lab: Lab, script: string): Promise<Prediction> {
  const [node] = lab.nodes;
  const file = nodePaths(lab.directory, node?.name ?? "").clusterFile;
  const { code, stdout, stderr } = await lab.understudy(node?.name ?? "", [
    "simulate",
    script,
    "--config",
    file,
    "--json",
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Prediction;
}

function predicted({ entries }: Prediction, by: string): string[] {
  return entries
    .filter((entry) => entry.kind === "decision" && entry.by.includes(by) && TOLD.has(entry.reason ?? ""))
    .map(({ reason = "", text }) => essence(reason, text));
}

/** What a node recorded itself, from its n-th event on. */
async function recorded(lab: Lab, node: string, known: ReadonlySet<string>): Promise<string[]> {
  const events = (await lab.ask(node, "GET", "/v1/events")) as EventRecord[];
  return events
    .filter(({ id, by, reason }) => by === node && !known.has(id) && TOLD.has(reason))
    .map(({ reason, text }) => essence(reason, text));
}

async function eventIds(lab: Lab, node: string): Promise<ReadonlySet<string>> {
  return new Set(((await lab.ask(node, "GET", "/v1/events")) as EventRecord[]).map(({ id }) => id));
}

test("after a power loss and after a cut cable the servers decide what simulate said, in that order", async () => {
  await withLab({}, async (lab) => {
    for (const [statement, inflict] of [
      ["power", (node: string) => lab.node(node).powerOff()],
      ["cut", (node: string) => lab.node(node).cut({ link: "public", carrier: false })],
    ] as const) {
      const { holder, standby, client } = await watchSite(lab);
      const [group = ""] = (await lab.view(standby)).groups.map(({ name }) => name);
      const cable = statement === "cut" ? `${holder}:link0` : holder;
      // The simulated cluster begins at home; bring it to where the lab is.
      const isHome = (await predict(lab, "wait 1s")).end[0]?.on[0] === holder;
      const before = isHome ? "" : `switch ${group} ${holder}; wait 2s; `;
      const prediction = await predict(lab, `${before}${statement} ${cable}`);
      expect(prediction.end).toMatchObject([{ group, on: [standby] }]);

      const known = await eventIds(lab, standby);
      const fromMs = await inflict(holder);
      await client.pageAfter(fromMs, { from: standby });
      await pause(500);
      const real = await recorded(lab, standby, known);
      const taken = predicted(prediction, standby);
      // What the switch before left in the prediction is not of this fault.
      expect(taken.slice(-real.length), statement).toEqual(real);
      expect(
        real.some((line) => line.startsWith("GROUP_TAKEN")),
        statement,
      ).toBe(true);
      await client.stop();
      await heal(lab);
      await lab.calm();
    }
  });
});
