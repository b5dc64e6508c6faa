import { expect, test } from "vitest";
import { bootScript } from "./member.ts";
import { nodeCables, outsider } from "./plan.ts";
import type { MemberPlan } from "./plan.ts";
import { addressCommands, bridgeCommands, cableCommands, portCommands } from "./topology.ts";

const cables = nodeCables("srv1", 0, { ipv6: true, privateLink: true });
const member: MemberPlan = {
  ...outsider("/tmp/lab", { name: "srv1", host: 11, ipv6: true }),
  cables,
  routes: ["default via 192.0.2.1"],
};

test("a bridge forwards from the first moment on", () => {
  expect(bridgeCommands(["public"])).toEqual([
    "link add name br-public address 02:75:73:00:00:ff type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
    "link set dev br-public up",
  ]);
});

test("a cable has its port on the bridge and its device in the member", () => {
  expect(cableCommands(cables.slice(0, 1), 42)).toEqual([
    "link add name srv1-public type veth peer name eth0 address 02:75:73:00:00:0b netns 42",
    "link set dev srv1-public master br-public up",
  ]);
  expect(portCommands(cables, "down")).toEqual(["link set dev srv1-public down", "link set dev srv1-private down"]);
});

test("a member sets its addresses before its device is up, and its routes last", () => {
  expect(addressCommands(member)).toEqual([
    "link set dev lo up",
    "address add 192.0.2.11/24 dev eth0",
    "address add 2001:db8:2::11/64 dev eth0 nodad",
    "link set dev eth0 up",
    "address add 10.0.0.11/24 dev eth1",
    "address add 2001:db8:a::11/64 dev eth1 nodad",
    "link set dev eth1 up",
    "route add default via 192.0.2.1",
  ]);
});

test("what must stay visible is mounted into the folder that replaces the one above it", () => {
  const script = bootScript(member, { ipv6: false, keep: ["/run/checkout", "/srv/elsewhere"] });
  expect(script).toContain(
    [
      "mkdir -p '/tmp/lab/srv1/run/checkout'",
      "mount --bind '/run/checkout' '/tmp/lab/srv1/run/checkout'",
      "mount --rbind '/tmp/lab/srv1/run' '/run'",
    ].join("\n"),
  );
  expect(script).not.toContain("/srv/elsewhere");
});

test("a folder inside a replaced folder is made there, never on the machine", () => {
  const nested: MemberPlan = { ...member, binds: [...member.binds, { by: "/tmp/lab/srv1/etc", at: "/run/lab" }] };
  const script = bootScript(nested, { ipv6: false, keep: [] });
  expect(script).toContain("mkdir -p '/run/lab'\nmount --rbind '/tmp/lab/srv1/etc' '/run/lab'");
  expect(script).not.toContain("mkdir -p '/run'\n");
});
