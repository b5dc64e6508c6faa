/** The heart's hands with a pretended machine: what each effect does to it, and what it makes of the machine's news. */

import { expect, test } from "vitest";
import { type Instant, instant } from "../../core/base/time.ts";
import type { ClusterConfig, VipConfig } from "../../core/config/cluster.ts";
import type { Frame } from "../../core/membership/frame.ts";
import type { Effect } from "../../core/node/effects.ts";
import type { Device, NeighbourMessage } from "../../host/ports.ts";
import { directChores } from "./chores.ts";
import { DEVICE_PATIENCE_MS } from "./held.ts";
import type { Happening } from "./loop.ts";
import type { FromHeart } from "./messages.ts";
import { LATE_PATIENCE_MS, Performer } from "./perform.ts";

const VIP: VipConfig = {
  kind: "vip",
  id: "www/192.0.2.10",
  address: "192.0.2.10",
  family: 4,
  prefixLength: 24,
  link: 0,
  device: undefined,
  gateways: [],
};
const PINNED: VipConfig = { ...VIP, id: "www/198.51.100.1", address: "198.51.100.1", link: undefined, device: "eth9" };
const CONFIG: ClusterConfig = {
  cluster: "example",
  keyFile: "/nowhere",
  nodes: [
    { name: "srv1", addresses: ["192.0.2.11", "10.0.0.11"] },
    { name: "srv2", addresses: ["192.0.2.12", "10.0.0.12"] },
  ],
  heartbeat: { intervalMs: 100, initialWaitMs: 5_000, port: 694 },
  lease: { evidenceMs: 120, marginMs: 30 },
  arbiter: { kind: "segment" },
  gateways: [],
  groups: [
    { name: "www", prefer: ["srv1", "srv2"], failback: { kind: "never" }, requires: [], resources: [VIP, PINNED] },
  ],
  everywhere: [],
  monitors: [],
};
const ETH0: Device = {
  index: 2,
  name: "eth0",
  up: true,
  carrier: true,
  mac: "02:00:00:00:00:11",
  addresses: [{ address: "192.0.2.11", prefixLength: 24 }],
};
const ETH1: Device = {
  index: 3,
  name: "eth1",
  up: true,
  carrier: true,
  mac: "02:00:00:00:01:11",
  addresses: [{ address: "10.0.0.11", prefixLength: 24 }],
};
const PEER_MAC = "02:00:00:00:00:12";
const FRAME = { version: 2, kind: "beat", link: 1 } as Frame;

/** A machine that notes what is done to it. */
class Bench {
  time = 10_000;
  devices: Device[] = [ETH0, ETH1];
  readonly did: string[] = [];
  readonly protected: string[] = [];
  readonly told: Happening[] = [];
  readonly posted: FromHeart[] = [];
  fails: string | undefined;
  isLate = false;
  changed: () => void = () => {};
  gateChanged: (what: "mended" | "broken", detail: string) => void = () => {};
  heard = new Map<string, (message: NeighbourMessage) => void>();
  readonly #later: (() => void)[] = [];
  readonly performer: Performer;
  /** Set while chores wait for the kernel; run later in order. */
  waiting: (() => void)[] | undefined;

  constructor(config: ClusterConfig = CONFIG) {
    const did = (line: string): void => {
      if (this.fails !== undefined && line.startsWith(this.fails)) throw new Error("refused by the kernel");
      this.did.push(line);
    };
    const ids = (vips: readonly VipConfig[]) => vips.map((v) => v.address).join(" ");
    const chores = directChores({
      interfaces: { list: () => this.devices, gateways: () => [{ address: "192.0.2.1", device: "eth0" }] },
      addresses: {
        put: (vip, device, ms) => did(`put ${vip.address} ${device} ${ms}`),
        remove: (vip, device) => did(`remove ${vip.address} ${device}`),
      },
      neighbours: {
        table: () => [
          { address: "192.0.2.50", mac: "02:00:00:00:00:50" },
          { address: "192.0.2.1", mac: "02:00:00:00:00:01" },
          { address: "fe80::1", mac: "02:00:00:00:00:01" },
        ],
      },
    });
    this.performer = new Performer({
      chores: {
        ask: (chore, done) => {
          if (this.waiting === undefined) chores.ask(chore, done);
          else this.waiting.push(() => chores.ask(chore, done));
        },
        close: () => did("chores.close"),
      },
      config,
      node: "srv1",
      codec: { encode: (frame, to) => new Uint8Array([frame.link, to.length]) },
      datagrams: {
        send: (link, address) => (did(`send ${link} ${address}`), true),
        rebind: (link) => did(`rebind ${link}`),
      },
      now: () => this.now,
      soon: (run) => this.#later.push(run),
      feed: (happening) => this.told.push(happening),
      post: (message) => this.posted.push(message),
      machine: {
        interfaces: {
          list: () => this.devices,
          gateways: () => [{ address: "192.0.2.1", device: "eth0" }],
          watch: (changed) => ((this.changed = changed), () => did("unwatch")),
          close: () => did("interfaces.close"),
        },
        gate: {
          prepare: (vips, options) => did(`prepare ${ids(vips)} keep=${options?.keep}`),
          open: (vips, until) => {
            did(`open ${ids(vips)} until ${until}`);
            return this.isLate ? "late" : undefined;
          },
          close: (vips) => did(`close ${ids(vips)}`),
          watch: (changed) => ((this.gateChanged = changed), () => did("unwatch gate")),
          remove: () => did("gate.remove"),
        },
        neighbours: {
          listen: (device, heard) => (did(`listen ${device}`), this.heard.set(device, heard)),
          unlisten: (device) => did(`unlisten ${device}`),
          follow: (addresses) => did(`follow ${addresses.join(" ")}`),
          ask: (device, address, source) => did(`ask ${device} ${address} from ${source}`),
          echo: (device, address, source, mac) => did(`echo ${device} ${address} from ${source} to ${mac}`),
          announce: (device, address) => did(`announce ${device} ${address}`),
          announceTo: (device, address, macs) => did(`announceTo ${device} ${address} ${macs.join(" ")}`),
          table: () => [],
          close: () => did("neighbours.close"),
        },
        arrivals: {
          collect: (device, addresses) => did(`collect ${device} ${addresses.join(" ")}`),
          handOn: (device, mac) => did(`hand on ${device} to ${mac}`),
          close: () => {},
        },
        sysctls: {
          protect: (device) => (this.protected.push(device), { ok: true }),
          restore: () => did("sysctls.restore"),
        },
      },
    });
  }

  get now(): Instant {
    return instant(this.time);
  }

  /** Ready as after the start, with nothing noted yet. */
  async started(): Promise<this> {
    await this.performer.prepare(false);
    this.performer.watch();
    this.did.length = 0;
    this.told.length = 0;
    return this;
  }

  do(...effects: Effect[]): readonly string[] {
    this.did.length = 0;
    this.performer.perform(effects, this.now);
    return [...this.did];
  }

  /** Lets everything run that waits for the sockets to be read; once more for what that asked for. */
  settle(): void {
    for (let i = 0; i < 4; i += 1) for (const run of this.#later.splice(0)) run();
  }

  look(devices: Device[]): readonly string[] {
    this.did.length = 0;
    this.told.length = 0;
    this.devices = devices;
    this.changed();
    this.changed();
    this.settle();
    return [...this.did];
  }
}

const withVip = (device: Device): Device => ({
  ...device,
  addresses: [...device.addresses, { address: VIP.address, prefixLength: 32 }],
});
const open = (until = 10_130): Effect => ({ kind: "open", vips: [VIP], until: instant(until) });

test("At the start the gate stands before anything listens, and leftovers of a dead daemon go", async () => {
  const bench = new Bench();
  bench.devices = [withVip(ETH0), ETH1];
  await bench.performer.prepare(false);
  expect(bench.did).toEqual([
    "prepare 192.0.2.10 198.51.100.1 keep=false",
    "remove 192.0.2.10 eth0",
    "listen eth0",
    "listen eth1",
    "follow 192.0.2.10 198.51.100.1 192.0.2.1 192.0.2.12 10.0.0.12",
  ]);
  expect(bench.protected).toEqual(["eth0", "eth1"]);
  expect(bench.performer.gateways()).toEqual([["192.0.2.1"], []]);
  bench.performer.watch();
  expect(bench.told).toEqual([
    { kind: "interface", link: 0, up: true, device: "eth0", mac: ETH0.mac, gateways: ["192.0.2.1"] },
    { kind: "interface", link: 1, up: true, device: "eth1", mac: ETH1.mac, gateways: [] },
  ]);
});

test("After a hand-over what the former self left stays", async () => {
  const bench = new Bench();
  bench.devices = [withVip(ETH0), ETH1];
  await bench.performer.prepare(true);
  expect(bench.did[0]).toBe("prepare 192.0.2.10 198.51.100.1 keep=true");
  expect(bench.did.filter((d) => d.startsWith("remove"))).toEqual([]);
});

test("Gateways named in the file belong to the link whose network holds them", async () => {
  const bench = new Bench({ ...CONFIG, gateways: ["10.0.0.254", "192.0.2.254", "203.0.113.1"] });
  await bench.performer.prepare(false);
  expect(bench.performer.gateways()).toEqual([["192.0.2.254"], ["10.0.0.254"]]);
});

test("Opening puts the address first, and renews it only when it is old", async () => {
  const bench = await new Bench().started();
  expect(bench.do(open())).toEqual(["put 192.0.2.10 eth0 2000", "open 192.0.2.10 until 10130"]);
  bench.time += 899;
  expect(bench.do(open(10_700))).toEqual(["open 192.0.2.10 until 10700"]);
  bench.time += 1;
  expect(bench.do(open(10_800))).toEqual(["put 192.0.2.10 eth0 2000", "open 192.0.2.10 until 10800"]);
});

test("Closing closes the gate before it removes the address", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  expect(bench.do({ kind: "close", vips: [VIP], remove: true })).toEqual([
    "close 192.0.2.10",
    "remove 192.0.2.10 eth0",
  ]);
});

test("An address whose gate cannot be closed is removed, and the core is told", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  bench.fails = "close";
  expect(bench.do({ kind: "close", vips: [VIP], remove: false })).toEqual(["remove 192.0.2.10 eth0"]);
  expect(bench.told).toEqual([{ kind: "gate", what: "refused", vip: VIP.id, detail: "refused by the kernel" }]);
});

test("A placed address is kept alive with its gate closed until it is removed", async () => {
  const bench = await new Bench().started();
  expect(bench.do({ kind: "place", vips: [VIP] })).toEqual(["put 192.0.2.10 eth0 2000"]);
  const turn = (ms: number) => {
    bench.did.length = 0;
    bench.time += ms;
    bench.performer.turned(bench.now);
    return [...bench.did];
  };
  expect(turn(899)).toEqual([]);
  expect(turn(1)).toEqual(["put 192.0.2.10 eth0 2000"]);
  bench.do({ kind: "close", vips: [VIP], remove: false });
  expect(turn(900)).toEqual(["put 192.0.2.10 eth0 2000"]);
  bench.do({ kind: "close", vips: [VIP], remove: true });
  expect(turn(900)).toEqual([]);
});

test("A VIP whose device is missing stays closed alone, and is refused when no device comes", async () => {
  const bench = await new Bench().started();
  const both = { kind: "open", vips: [PINNED, VIP], until: instant(10_130) } as const;
  expect(bench.do(both)).toEqual(["put 192.0.2.10 eth0 2000", "open 192.0.2.10 until 10130"]);
  bench.time += 500;
  bench.do(both);
  // It may be another device that is being made just now; the core is not to bar this node for that.
  expect(bench.told).toEqual([]);
  bench.time += DEVICE_PATIENCE_MS;
  bench.do(both);
  expect(bench.told).toMatchObject([{ kind: "gate", what: "refused", vip: PINNED.id }]);
});

test("A kernel that is too slow for a moment is tried again, and is refused when it stays so", async () => {
  const bench = await new Bench().started();
  bench.isLate = true;
  bench.do(open());
  bench.isLate = false;
  bench.time += LATE_PATIENCE_MS;
  bench.do(open());
  expect(bench.told).toEqual([]);
  bench.isLate = true;
  bench.do(open());
  bench.time += LATE_PATIENCE_MS - 1;
  bench.do(open());
  expect(bench.told).toEqual([]);
  bench.time += 1;
  bench.do(open());
  expect(bench.told).toMatchObject([{ kind: "gate", what: "refused", vip: VIP.id }]);
});

test("What the kernel refuses is told to the core for each VIP", async () => {
  const bench = await new Bench().started();
  bench.fails = "put";
  expect(bench.do(open())).toEqual(["open 192.0.2.10 until 10130"]);
  expect(bench.told).toMatchObject([{ kind: "gate", what: "refused", vip: VIP.id }]);
  bench.fails = "open";
  bench.told.length = 0;
  expect(bench.do(open())).toEqual([]);
  expect(bench.told).toMatchObject([{ kind: "gate", what: "refused", vip: VIP.id }]);
  bench.time += 900;
  expect(bench.do(open())).toEqual(["put 192.0.2.10 eth0 2000"]);
  expect(bench.told).toHaveLength(2);
});

test("A frame goes from our address of its link to the peer's address there", async () => {
  const bench = await new Bench().started();
  expect(bench.do({ kind: "send", to: "srv2", frame: FRAME })).toEqual(["send 1 10.0.0.12"]);
  expect(bench.do({ kind: "send", to: "srv9", frame: FRAME }, { kind: "send", to: "srv9", frame: FRAME })).toEqual([]);
  expect(bench.posted.filter((m) => m.kind === "log")).toHaveLength(1);
});

test("A VIP is asked for as an RFC 5227 probe, everything else from our own address", async () => {
  const bench = await new Bench().started();
  expect(
    bench.do(
      { kind: "ask", link: 0, probe: "arp", address: VIP.address, mac: undefined },
      { kind: "ask", link: 0, probe: "arp", address: "192.0.2.1", mac: undefined },
      { kind: "ask", link: 0, probe: "echo", address: VIP.address, mac: PEER_MAC },
    ),
  ).toEqual([
    "ask eth0 192.0.2.10 from undefined",
    "ask eth0 192.0.2.1 from 192.0.2.11",
    `echo eth0 192.0.2.10 from 192.0.2.11 to ${PEER_MAC}`,
  ]);
});

const askGateway: Effect = { kind: "ask", link: 0, probe: "arp", address: "192.0.2.1", mac: undefined };
const answer: NeighbourMessage = {
  kind: "answer",
  probe: "arp",
  device: "eth0",
  address: "192.0.2.1",
  mac: "02:00:00:00:00:01",
};

test("An answer is dated by its question, and so is one that comes twice or from another machine", async () => {
  const bench = await new Bench().started();
  bench.do(askGateway);
  bench.time += 3;
  bench.heard.get("eth0")?.(answer);
  bench.heard.get("eth0")?.(answer);
  bench.heard.get("eth0")?.({ ...answer, mac: "02:00:00:00:00:09" });
  const told = { kind: "answer", link: 0, probe: "arp", address: "192.0.2.1", sentAt: 10_000 };
  expect(bench.told).toEqual([
    { ...told, mac: "02:00:00:00:00:01" },
    { ...told, mac: "02:00:00:00:00:01" },
    { ...told, mac: "02:00:00:00:00:09" },
  ]);
});

test("An answer that lay in the socket while this process stood still keeps the date of the old question", async () => {
  const bench = await new Bench().started();
  bench.do(askGateway);
  bench.settle();
  bench.time += 100;
  bench.do(askGateway);
  bench.heard.get("eth0")?.(answer);
  expect(bench.told).toMatchObject([{ sentAt: 10_000 }]);
});

test("A lost answer does not make later ones look old once the sockets were empty for longer than a way there and back", async () => {
  const bench = await new Bench().started();
  bench.do(askGateway);
  bench.settle();
  bench.time += 50;
  bench.do(askGateway);
  bench.settle();
  bench.time += 1;
  bench.heard.get("eth0")?.(answer);
  expect(bench.told).toMatchObject([{ sentAt: 10_050 }]);
});

test("An answer that nobody asked for, or on another device, is no input", async () => {
  const bench = await new Bench().started();
  bench.heard.get("eth0")?.(answer);
  bench.do(askGateway);
  bench.heard.get("eth1")?.({ ...answer, device: "eth1" });
  expect(bench.told).toEqual([]);
});

test("Announcements of watched VIPs by others are told, our own are not", async () => {
  const bench = await new Bench().started();
  const announced: NeighbourMessage = {
    kind: "announcement",
    device: "eth0",
    address: VIP.address,
    mac: PEER_MAC,
    probe: false,
  };
  bench.heard.get("eth0")?.(announced);
  bench.heard.get("eth0")?.({ ...announced, mac: ETH1.mac as string });
  expect(bench.told).toEqual([{ kind: "announcement", link: 0, address: VIP.address, mac: PEER_MAC, probe: false }]);
  bench.do({ kind: "watch", vips: [] });
  bench.heard.get("eth0")?.(announced);
  expect(bench.told).toHaveLength(1);
});

test("Announcing tells everybody, then the gateway and the known neighbours one by one", async () => {
  const bench = await new Bench().started();
  expect(bench.do({ kind: "announce", vips: [VIP] }), "not while it is closed").toEqual([]);
  bench.do(open());
  expect(bench.do({ kind: "announce", vips: [VIP] })).toEqual([
    "announce eth0 192.0.2.10",
    "announceTo eth0 192.0.2.10 02:00:00:00:00:01 02:00:00:00:00:50",
  ]);
});

test("A held address that somebody removed is back at once, and the core hears of it", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  expect(bench.look([withVip(ETH0), ETH1])).toEqual([]);
  bench.time += 10;
  expect(bench.look([ETH0, ETH1])).toEqual(["put 192.0.2.10 eth0 2000"]);
  expect(bench.told).toMatchObject([{ kind: "gate", what: "address-lost", vip: VIP.id }]);
});

test("An address that the kernel let expire is nobody's doing", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  bench.time += 5_000;
  expect(bench.look([ETH0, ETH1])).toEqual(["put 192.0.2.10 eth0 2000"]);
  expect(bench.told).toEqual([]);
});

test("A recreated device is listened to again, its socket is opened again and the address is put back", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  expect(bench.look([ETH1])).toEqual(["unlisten eth0", "follow 192.0.2.10 198.51.100.1 192.0.2.12 10.0.0.12"]);
  expect(bench.told).toMatchObject([
    { what: "address-lost" },
    { kind: "interface", link: 0, up: false, device: undefined },
  ]);
  expect(bench.look([ETH1]), "told once").toEqual([]);
  expect(bench.told).toEqual([]);
  expect(bench.look([{ ...ETH0, index: 7 }, ETH1])).toEqual([
    "listen eth0",
    "put 192.0.2.10 eth0 2000",
    "rebind 0",
    "follow 192.0.2.10 198.51.100.1 192.0.2.1 192.0.2.12 10.0.0.12",
  ]);
});

test("A lost carrier is one interface input", async () => {
  const bench = await new Bench().started();
  bench.look([{ ...ETH0, carrier: false }, ETH1]);
  expect(bench.told).toMatchObject([{ kind: "interface", link: 0, up: false, device: "eth0" }]);
});

test("Without rules the addresses go and none is added until the rules stand again", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  bench.did.length = 0;
  bench.gateChanged("broken", "no such table");
  expect(bench.did).toEqual(["remove 192.0.2.10 eth0"]);
  expect(bench.do(open())).toEqual([]);
  bench.fails = "prepare";
  bench.time += 1_000;
  bench.performer.turned(bench.now);
  expect(bench.told).toMatchObject([{ what: "broken" }, { what: "refused" }]);
  bench.fails = undefined;
  bench.time += 1_000;
  bench.performer.turned(bench.now);
  expect(bench.told.at(-1)).toMatchObject({ kind: "gate", what: "works" });
  expect(bench.do(open())).toEqual(["put 192.0.2.10 eth0 2000", "open 192.0.2.10 until 10130"]);
});

test("Mended rules are told as they are", async () => {
  const bench = await new Bench().started();
  bench.gateChanged("mended", "the table was gone");
  expect(bench.told).toEqual([{ kind: "gate", what: "mended", vip: undefined, detail: "the table was gone" }]);
});

test("Before a hand-over the addresses live as long as the leases that are handed over", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  const handover = { groups: [{ name: "www", epoch: 3, until: instant(14_000) }], wishes: [], macs: {} };
  expect(bench.do({ kind: "reply", id: 1, outcome: { kind: "handover", handover } })).toEqual([
    "put 192.0.2.10 eth0 4000",
  ]);
  expect(bench.posted).toMatchObject([{ kind: "reply", id: 1 }]);
  bench.posted.length = 0;
  bench.waiting = [];
  bench.do({ kind: "reply", id: 2, outcome: { kind: "handover", handover } });
  expect(bench.posted, "not before the addresses were renewed").toEqual([]);
  for (const run of bench.waiting.splice(0)) run();
  expect(bench.posted).toMatchObject([{ kind: "reply", id: 2 }]);
});

test("Commands, records and answers go to the main thread", async () => {
  const bench = await new Bench().started();
  const run: Effect = {
    kind: "run",
    id: 1,
    group: "www",
    resource: "www/app",
    action: "start",
    command: { argv: ["true"], timeoutMs: 1 },
  };
  const persist: Effect = { kind: "persist", epochs: {}, wishes: [] };
  expect(bench.do(run, persist)).toEqual([]);
  expect(bench.posted).toEqual([run, persist]);
});

test("At the end everything is undone, also when a step of it fails", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  bench.did.length = 0;
  bench.fails = "close";
  let isDone = false;
  bench.performer.end(() => (isDone = true));
  expect(isDone).toBe(true);
  expect(bench.did).toEqual([
    "unwatch",
    "unwatch gate",
    "remove 192.0.2.10 eth0",
    "gate.remove",
    "sysctls.restore",
    "neighbours.close",
    "interfaces.close",
    "chores.close",
  ]);
});

test("While the kernel makes addresses wait, gates are renewed all the same, and the rules outlive the last address", async () => {
  const bench = await new Bench().started();
  bench.waiting = [];
  expect(bench.do(open())).toEqual(["open 192.0.2.10 until 10130"]);
  bench.time += 950;
  expect(bench.do(open(11_080))).toEqual(["open 192.0.2.10 until 11080"]);
  expect(bench.waiting, "no second put while one waits").toHaveLength(1);
  bench.did.length = 0;
  bench.performer.end(() => bench.did.push("done"));
  expect(bench.did).toEqual(["close 192.0.2.10 198.51.100.1", "unwatch", "unwatch gate"]);
  bench.did.length = 0;
  for (const run of bench.waiting.splice(0)) run();
  expect(bench.did.slice(0, 3)).toEqual(["put 192.0.2.10 eth0 2000", "remove 192.0.2.10 eth0", "gate.remove"]);
  expect(bench.did.at(-1)).toBe("done");
});

test("What was seen before an address was put does not make it lost", async () => {
  const bench = await new Bench().started();
  bench.waiting = [];
  bench.look([ETH0, ETH1]);
  const [look] = bench.waiting.splice(0);
  bench.do(open());
  look?.();
  expect(bench.told).toEqual([]);
  for (const run of bench.waiting.splice(0)) run();
  expect(bench.did.filter((d) => d.startsWith("put"))).toHaveLength(1);
});

test("A VIP is announced only when its address is there and its gate is still open", async () => {
  const bench = await new Bench().started();
  bench.waiting = [];
  expect(bench.do(open(), { kind: "announce", vips: [VIP] })).toEqual(["open 192.0.2.10 until 10130"]);
  bench.did.length = 0;
  for (const run of bench.waiting.splice(0)) run();
  expect(bench.did[0]).toBe("put 192.0.2.10 eth0 2000");
  expect(bench.did[1]).toBe("announce eth0 192.0.2.10");
  bench.do({ kind: "announce", vips: [VIP] }, { kind: "close", vips: [VIP], remove: false });
  bench.did.length = 0;
  for (const run of bench.waiting.splice(0)) run();
  expect(bench.did).toEqual([]);
});

test("A planned move catches arrivals and hands them on", async () => {
  const bench = await new Bench().started();
  bench.do(open());
  expect(bench.do({ kind: "catch", vips: [VIP], forMs: 500 })).toEqual(["collect eth0 192.0.2.10"]);
  expect(bench.do({ kind: "close", vips: [VIP], remove: true })).toEqual([
    "close 192.0.2.10",
    "remove 192.0.2.10 eth0",
  ]);
  expect(bench.do({ kind: "hand-on", vip: VIP, mac: "02:00:00:00:00:02" })).toEqual([
    "hand on eth0 to 02:00:00:00:00:02",
  ]);
});
