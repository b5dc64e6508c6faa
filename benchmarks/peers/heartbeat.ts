/**
 * Heartbeat with ha.cf, haresources and authkeys, as its administrators run it: unicast on both wires, groups
 * stay where they are. The address is the only resource; nginx runs on both servers all the time.
 */

import { heal } from "../../src/lab/faults/catalog.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { PUBLIC_VIP } from "../../src/lab/plan.ts";
import type { ForeignProgram } from "../../src/lab/plan.ts";
import type { Contender } from "../contender.ts";
import type { FaultKey } from "../faults.ts";

/** Where Debian 12 puts it. */
export const DAEMON = "/usr/libexec/heartbeat/heartbeat";
/** What the init script prepares in the memory file system at every boot. */
const PREPARE =
  "mkdir -p /run/heartbeat/ccm /run/heartbeat/dopd /run/resource-agents && chown -R hacluster:haclient /run/heartbeat";

/** Heartbeat with these two times in ha.cf's own notation. */
export function heartbeat(times: {
  readonly keepalive: string;
  readonly deadtime: string;
  readonly intervalMs: number;
  readonly deadMs: number;
}): Contender {
  const { keepalive, deadtime, intervalMs, deadMs } = times;
  const program: ForeignProgram = {
    kind: "foreign",
    argv: () => ["sh", "-c", `${PREPARE} && exec ${DAEMON} -f`],
    // Its processes rename themselves: "heartbeat: master control process" and so on.
    matches: "heartbeat: ",
    directories: (node) => [
      {
        path: "/etc/ha.d",
        copy: true,
        files: {
          "ha.cf": { content: renderConfig(node, keepalive, deadtime) },
          haresources: { content: RESOURCES },
          authkeys: { content: "auth 1\n1 sha1 not-a-secret-in-a-lab\n", mode: 0o600 },
        },
      },
      { path: "/var/lib/heartbeat", copy: true },
    ],
  };
  return {
    family: "heartbeat",
    name: `Heartbeat ${keepalive} / ${deadtime}`,
    setting: `Heartbeat 3.0.6, ucast on both wires, keepalive ${keepalive}, deadtime ${deadtime}, auto_failback off`,
    intervalMs,
    lab: { program, waitForCalm: false },
    patienceMs: deadMs + 5_000,
    config: () => [
      { file: "/etc/ha.d/ha.cf", text: renderConfig("srv1", keepalive, deadtime) },
      { file: "/etc/ha.d/haresources", text: RESOURCES },
    ],
    obstacle,
    switchover,
    heal: healHeartbeat,
  };
}

const RESOURCES = `srv1 IPaddr2::${PUBLIC_VIP}/24/eth0\n`;

function renderConfig(node: string, keepalive: string, deadtime: string): string {
  const other = node === "srv1" ? 12 : 11;
  return `logfile /run/heartbeat.log
keepalive ${keepalive}
deadtime ${deadtime}
initdead 30
udpport 694
ucast eth0 192.0.2.${other}
ucast eth1 10.0.0.${other}
auto_failback off
node srv1
node srv2
`;
}

const SETTLED = ["all", "local", "foreign", "none"];

/**
 * Both daemons must see each other and have settled who has what. Their words are about sets of groups, not about
 * this one (after a common start both say "local"), so who has the address is left to the wire.
 */
async function obstacle(lab: Lab): Promise<string> {
  const troubles = await Promise.all(
    lab.nodes.map(async (node) => {
      const other = lab.nodes.find((one) => one !== node)?.name ?? "";
      const [holds = "", sees = ""] = await Promise.all(
        [["rscstatus"], ["nodestatus", other]].map(async (question) => {
          const { stdout } = await node.run(["cl_status", ...question], { timeoutMs: 5_000 });
          return stdout.trim();
        }),
      );
      if (sees !== "active") return `${node.name} sees ${other} as "${sees}"`;
      return SETTLED.includes(holds) ? "" : `${node.name} holds "${holds}"`;
    }),
  );
  return troubles.find((one) => one !== "") ?? "";
}

async function switchover(lab: Lab, holder: string): Promise<number> {
  const atMs = lab.now();
  const { code, stderr } = await lab.run(holder, ["/usr/share/heartbeat/hb_standby", "all"]);
  if (code !== 0) throw new Error(`hb_standby failed: ${stderr.trim()}`);
  return atMs;
}

const NEEDS_REBOOT: readonly FaultKey[] = ["kill", "freeze", "unplug", "silence"];

/**
 * A node whose daemon died still has the address, and one that comes back after a partition makes both start
 * anew. A reboot of that node is what its administrators do, and it is the quick way here.
 */
async function healHeartbeat(lab: Lab, node: string, fault: FaultKey): Promise<void> {
  if (NEEDS_REBOOT.includes(fault)) await lab.node(node).powerOff();
  await heal(lab);
}
