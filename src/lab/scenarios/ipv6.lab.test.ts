/** IPv6: links, gateways, VIPs and neighbour discovery, beside IPv4 and alone. */

import { describe, expect, test } from "vitest";
import { pause, until } from "../clock.ts";
import type { ClusterFile } from "../cluster-file.ts";
import { heal } from "../faults/catalog.ts";
import type { Lab } from "../lab.ts";
import { withLab } from "../lab.ts";
import type { LabNode } from "../lab-node.ts";
import type { LoadClient } from "../load-client.ts";
import { PUBLIC_VIP, PUBLIC_VIP6 } from "../plan.ts";
import { expectNeverTwo, expectOneHolder, watchSite } from "./site.fixture.ts";

const GAP_LIMIT_MS = 600;
/** A view is asked of a daemon on a machine that others use too. */
const VIEW_LIMIT_MS = 5_000;
/** Number of the public IPv6 link in a lab with both families. */
const IPV6_LINK = 2;

/** The visitor's neighbour entry for the IPv6 VIP names the node that holds it. */
async function expectNeighbour6(lab: Lab, holder: string): Promise<void> {
  const mac = lab.node(holder).plan.cables[0]?.mac;
  await until("the visitor's IPv6 neighbour entry", async () => (await lab.neighbour("client", PUBLIC_VIP6)) === mac);
}

/** A visitor of the IPv6 VIP who has got a page from this node. */
async function visit6(lab: Lab, holder: string): Promise<LoadClient> {
  const client = await lab.startClient({ address: PUBLIC_VIP6 });
  await client.pageAfter(lab.now(), { from: holder });
  return client;
}

describe.each<{ what: string; inflict: (node: LabNode) => Promise<number>; lastsMs: number }>([
  { what: "loses power", inflict: (node) => node.powerOff(), lastsMs: 500 },
  { what: "is frozen", inflict: (node) => node.freeze(), lastsMs: 2_500 },
  { what: "is cut off with carrier", inflict: (node) => node.cut({ carrier: false }), lastsMs: 1_500 },
])("a group with addresses of both families, whose holder $what", ({ inflict, lastsMs }) => {
  test("comes back on both, and never has two holders on either", async () => {
    await withLab({ ipv6: true }, async (lab) => {
      const { holder, standby, client } = await watchSite(lab);
      const client6 = await visit6(lab, holder);
      const fromMs = await inflict(lab.node(holder));
      await client.pageAfter(fromMs, { from: standby });
      await client6.pageAfter(fromMs, { from: standby });
      await pause(lastsMs);
      await expectNeighbour6(lab, standby);
      expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
      expect((await client6.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
      await heal(lab);
      expect(await expectOneHolder(lab)).toBe(standby);
      await client6.pageAfter(lab.now(), { from: standby });
      await expectNeighbour6(lab, standby);
      await expectNeverTwo(lab, fromMs);
    });
  });
});

/** Gateways in the long form of each VIP only, that of the IPv6 VIP by its link-local address. */
function nameGatewaysByVip(file: ClusterFile): void {
  file.gateways = [];
  const www = file.groups["www"];
  if (www === undefined) throw new Error("the lab's file has a group www");
  www.resources = [
    { vip: { address: `${PUBLIC_VIP}/24`, gateway: "192.0.2.1" } },
    { vip: { address: `${PUBLIC_VIP6}/64`, gateway: "fe80::1" } },
  ];
}

test("a gateway that a VIP names by its link-local address is a witness of the VIP's segment", async () => {
  await withLab({ ipv6: true, cluster: nameGatewaysByVip }, async (lab) => {
    const { holder, standby } = await watchSite(lab);
    const ofLink = async (node: string) => (await lab.view(node, VIEW_LIMIT_MS)).links[IPV6_LINK];
    expect(await ofLink(standby)).toMatchObject({ gateways: ["fe80::1"], reach: 1 });
    const { code } = await lab.run("client", ["ip", "address", "add", "fe80::1/64", "dev", "eth0", "nodad"]);
    expect(code).toBe(0);
    await until("the gateway is found", async () => (await ofLink(standby))?.reach === 2);
    const client6 = await visit6(lab, holder);
    const fromMs = await lab.node(holder).powerOff();
    await client6.pageAfter(fromMs, { from: standby });
    await pause(500);
    expect((await client6.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect(await ofLink(standby)).toMatchObject({ reach: 2 });
    await expectNeverTwo(lab, fromMs);
  });
});

/** No IPv4 anywhere: nodes, VIP, gateway and monitor. */
function useIpv6Only(file: ClusterFile): void {
  for (const [index, node] of Object.values(file.nodes).entries()) {
    node.address = `2001:db8:2::${11 + index}`;
    node.links = [`2001:db8:a::${11 + index}`];
  }
  file.gateways = ["2001:db8:2::1"];
  const www = file.groups["www"];
  if (www === undefined) throw new Error("the lab's file has a group www");
  www.resources = [{ vip: `${PUBLIC_VIP6}/64` }];
}

test("a cluster that knows no IPv4 serves, moves on request, and survives a power failure", async () => {
  await withLab({ ipv6: true, cluster: useIpv6Only, waitForCalm: false }, async (lab) => {
    const client6 = await lab.startClient({ address: PUBLIC_VIP6 });
    const holder = await client6.pageAfter(0, { limitMs: 20_000 });
    const standby = lab.nodes.find((node) => node.name !== holder)?.name ?? "";
    const isReady = async (): Promise<boolean> => {
      const group = (await lab.view(holder, VIEW_LIMIT_MS)).groups[0];
      return group?.candidates.every((one) => one.eligible) === true;
    };
    await until("both nodes may hold the group", isReady);
    await lab.holders.start();
    const fromMs = lab.now();
    expect(await lab.understudy(holder, ["switch", "www", "--to", standby, "--wait"])).toMatchObject({ code: 0 });
    await client6.pageAfter(fromMs, { from: standby });
    await until("both nodes may hold the group", isReady);
    await pause(500);
    const offMs = await lab.node(standby).powerOff();
    await client6.pageAfter(offMs, { from: holder });
    await pause(500);
    await expectNeighbour6(lab, holder);
    expect((await client6.summary({ fromMs: offMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    const seen = (await lab.holders.report({ fromMs })).vips[PUBLIC_VIP6];
    expect(seen?.evidence).toBeGreaterThan(100);
    expect(seen?.meetings).toEqual([]);
    expect(seen?.order).toEqual([holder, standby, holder]);
  });
});
