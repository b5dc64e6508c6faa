/** Understudy with its default settings: heartbeats every 100 ms, the network segment as arbiter. */

import { heal } from "../src/lab/faults/catalog.ts";
import { renderClusterFile } from "../src/lab/cluster-file.ts";
import type { Lab } from "../src/lab/lab.ts";
import { labClusterFile, nodeNames } from "../src/lab/plan.ts";
import { tourCluster } from "../src/lab/tour.ts";
import type { Contender } from "./contender.ts";

/** How often nginx is asked for a page, and how many failures in a row move the group; as `tourCluster` sets them. */
export const WEB_CHECK = { everyMs: 100, fall: 2 };

export function understudy(): Contender {
  return {
    family: "understudy",
    name: "Understudy",
    setting: `Understudy, default settings (heartbeats every 100 ms on both wires), nginx asked every ${WEB_CHECK.everyMs} ms, fall ${WEB_CHECK.fall}`,
    intervalMs: 100,
    lab: { cluster: tourCluster },
    patienceMs: 5_000,
    config: () => {
      const file = labClusterFile({
        nodes: nodeNames(2),
        ipv6: false,
        privateLink: true,
        key: "/etc/understudy/cluster.key",
      });
      tourCluster(file);
      return [{ file: "/etc/understudy/cluster.yaml", text: renderClusterFile(file) }];
    },
    // The lab's own calm asks the real daemons everything already.
    obstacle: async () => "",
    switchover,
    heal: (lab) => heal(lab),
  };
}

async function switchover(lab: Lab, holder: string): Promise<number> {
  const to = lab.nodes.find((node) => node.name !== holder)?.name ?? holder;
  const atMs = lab.now();
  const { code, stdout, stderr } = await lab.understudy(holder, ["switch", "www", "--to", to]);
  if (code !== 0) throw new Error(`switch was refused: ${stderr || stdout}`);
  return atMs;
}
