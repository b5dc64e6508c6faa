/**
 * What needs parts that not every kernel has: delay by netem, VIPs on VLANs and on bonds. Each test names what it
 * needs and is skipped, by name and counted, where that is missing.
 */

import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { pause } from "../clock.ts";
import { withLab } from "../lab.ts";
import type { Lab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

/** Can a fresh network namespace of this kernel do this? */
function kernelDoes(script: string): boolean {
  return spawnSync("unshare", ["--net", "sh", "-ec", script], { stdio: "ignore", timeout: 5_000 }).status === 0;
}

const hasNetem = kernelDoes("ip link set lo up; tc qdisc add dev lo root netem delay 1ms");
const hasVlan = kernelDoes(
  "ip link add veth0 type veth peer name veth1; ip link add link veth0 name v7 type vlan id 7",
);
const hasBond = kernelDoes("ip link add bond0 type bond mode active-backup");

const VLAN_VIP = "198.51.100.10";

/** Runs a command on a member and fails with its words. */
async function must(lab: Lab, member: string, ...argv: string[]): Promise<void> {
  const { code, stderr } = await lab.run(member, argv);
  expect(code, `${member}: ${argv.join(" ")}: ${stderr}`).toBe(0);
}

test.skipIf(!hasNetem)("heartbeats that netem delays, doubles and reorders move nothing (needs netem)", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    for (const { name } of lab.nodes) {
      for (const device of ["eth0", "eth1"]) {
        const how = ["delay", "15ms", "10ms", "reorder", "10%", "duplicate", "10%"];
        await must(lab, name, "tc", "qdisc", "add", "dev", device, "root", "netem", ...how);
      }
    }
    await pause(10_000);
    await expectNoMove(lab, site, fromMs);
    await expectNeverTwo(lab, fromMs);
  });
});

test.skipIf(!hasVlan)("a VIP on a VLAN device moves with its group (needs vlan)", async () => {
  await withLab(
    {
      startDaemons: false,
      waitForCalm: false,
      cluster: (file) => {
        for (const group of Object.values(file.groups)) {
          group.resources.push({ vip: { address: `${VLAN_VIP}/24`, device: "eth0.7", link: 0 } });
        }
      },
    },
    async (lab) => {
      for (const member of [...lab.nodes.map(({ name }) => name), "client"]) {
        await must(lab, member, "ip", "link", "add", "link", "eth0", "name", "eth0.7", "type", "vlan", "id", "7");
        await must(lab, member, "ip", "link", "set", "eth0.7", "up");
      }
      await must(lab, "client", "ip", "addr", "add", "198.51.100.1/24", "dev", "eth0.7");
      for (const node of lab.nodes) await node.startDaemon();
      const holder = await lab.calm();
      await must(lab, "client", "ping", "-c1", "-W2", VLAN_VIP);
      await lab.node(holder).killDaemon();
      const standby = lab.nodes.find(({ name }) => name !== holder)?.name;
      const client = await lab.startClient();
      await client.pageAfter(lab.now(), { ...(standby === undefined ? {} : { from: standby }) });
      await must(lab, "client", "ping", "-c1", "-W2", VLAN_VIP);
    },
  );
});

test.skipIf(!hasBond)(
  "a node whose public device is a bond takes over and yields like any other (needs bond)",
  async () => {
    await withLab({ startDaemons: false, waitForCalm: false }, async (lab) => {
      for (const node of lab.nodes) {
        const address = node.plan.cables[0]?.addresses[0] ?? "";
        await must(lab, node.name, "ip", "link", "add", "bond0", "type", "bond", "mode", "active-backup");
        await must(lab, node.name, "ip", "link", "set", "eth0", "down");
        await must(lab, node.name, "ip", "link", "set", "eth0", "master", "bond0");
        await must(lab, node.name, "ip", "link", "set", "bond0", "up");
        await must(lab, node.name, "ip", "addr", "add", address, "dev", "bond0");
      }
      for (const node of lab.nodes) await node.startDaemon();
      const site = await watchSite(lab);
      const fromMs = lab.now();
      await lab.node(site.holder).powerOff();
      await site.client.pageAfter(fromMs, { from: site.standby });
      await expectNeverTwo(lab, fromMs);
      await lab.node(site.holder).powerOn();
      expect(await expectOneHolder(lab)).toBe(site.standby);
    });
  },
);
