import { expect, test } from "vitest";
import { mutedPorts, renderWireFaults } from "./wire.ts";
import type { WireFault } from "./wire.ts";

const faults: WireFault[] = [
  { port: "srv1-public", link: "public", direction: "both", loss: { kind: "everything" } },
  { port: "srv1-private", link: "private", direction: "from-node", loss: { kind: "share", percent: 30 } },
  { port: "srv2-public", link: "public", direction: "to-node", loss: { kind: "cluster-port" } },
];

test("each direction of a fault becomes a rule at the side where it happens", () => {
  expect(renderWireFaults(faults)).toBe(`table bridge understudy_lab
delete table bridge understudy_lab
table bridge understudy_lab {
  chain from_nodes {
    type filter hook prerouting priority -300; policy accept;
    iifname "srv1-public" drop
    iifname "srv1-private" numgen random mod 100 < 30 drop
  }
  chain to_nodes {
    type filter hook postrouting priority 300; policy accept;
    oifname "srv1-public" drop
    oifname "srv2-public" meta l4proto { tcp, udp } th dport 694 drop
  }
}
`);
});

test("only a node of which nothing passes is off the wire", () => {
  expect([...mutedPorts(faults)]).toEqual(["srv1-public"]);
  expect([...mutedPorts([{ ...(faults[0] as WireFault), direction: "to-node" }])]).toEqual([]);
});
