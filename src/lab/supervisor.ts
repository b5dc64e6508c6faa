/**
 * The first process inside a lab's wall. It builds what the plan says, starts the members, and does what the
 * other side of its socket asks for, one operation each. It ends when it is told to, by a signal, or when the
 * program that it belongs to is gone; the kernel then ends everything inside.
 */

import { cpSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { CaptureReport } from "./chaos/capture.ts";
import type { ClientNumbers, ClientOptions, PackedTry, TriesOf } from "./checks/client-process.ts";
import type { HoldersReport } from "./checks/holder-watch.ts";
import { nowMs } from "./clock.ts";
import { ChildObserver } from "./child-observer.ts";
import { removeLabDirectory } from "./directory.ts";
import { fillUp, mountDisk, unmountDisk } from "./faults/disk.ts";
import type { RelayOptions } from "./faults/relay.ts";
import type { ResponderOptions } from "./faults/responder.ts";
import { mutedPorts, renderWireFaults } from "./faults/wire.ts";
import type { WireFault } from "./faults/wire.ts";
import { LineChannel } from "./line-channel.ts";
import { Member } from "./member.ts";
import type { CommandOutput } from "./member.ts";
import { enter } from "./namespaces.ts";
import { CLIENT } from "./plan.ts";
import type { LabPlan, LinkName } from "./plan.ts";
import { addressCommands, bridgeCommands, cableCommands, feed, portCommands, runIp, unplug } from "./topology.ts";
import type { WireOptions } from "./wire-process.ts";

/** What a member is like now. */
export interface MemberState {
  readonly name: string;
  readonly isOn: boolean;
  readonly pid: number | undefined;
  /** Running processes per program. */
  readonly programs: Readonly<Record<string, number>>;
}

export interface LabState {
  readonly id: string;
  readonly members: readonly MemberState[];
  readonly wireFaults: readonly WireFault[];
  readonly pulled: readonly string[];
  readonly frozen: readonly string[];
}

/** File that fills a disk. */
const FILLER = "filler";

class Supervisor {
  readonly #plan: LabPlan;
  readonly #members = new Map<string, Member>();
  readonly #clients = new Map<number, ChildObserver>();
  #wire: ChildObserver | undefined;
  #wireFaults: WireFault[] = [];
  #wireChange: Promise<void> = Promise.resolve();
  readonly #pulled = new Set<string>();
  readonly #frozen = new Set<string>();
  #nextClient = 1;

  constructor(plan: LabPlan) {
    this.#plan = plan;
    for (const member of [...plan.others, ...plan.nodes]) {
      this.#members.set(member.name, new Member(member, { ipv6: plan.ipv6, keep: plan.keep }));
    }
  }

  async build(): Promise<void> {
    for (const { disk } of this.#plan.nodes) if (disk !== undefined) await mountDisk(disk);
    await runIp(["link set dev lo up", ...bridgeCommands(this.#plan.links)]);
    await feed(["nft", "-f", "-"], renderWireFaults([]));
    await Promise.all([...this.#members.values()].map((member) => member.boot()));
    const ports = [...this.#plan.nodes, ...this.#plan.others].flatMap((member) =>
      member.cables.map(({ port, link, mac }) => ({ port, link, mac, node: member.name })),
    );
    const options: WireOptions = { ports, vips: this.#plan.vips };
    this.#wire = new ChildObserver(new URL("./wire-process.ts", import.meta.url), [], options);
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no member ${name}; there are ${[...this.#members.keys()].join(", ")}`);
    return member;
  }

  /** Where the node's state lies; throws when that is no disk of its own, because the machine's is everybody's. */
  #disk(node: string): string {
    const { disk } = this.#member(node).plan;
    if (disk === undefined) throw new Error(`${node} has no disk of its own for its state`);
    return disk.path;
  }

  #askWire(method: string, params: unknown): Promise<unknown> {
    if (this.#wire === undefined) throw new Error("the lab is not built yet");
    return this.#wire.call(method, params);
  }

  #client(id: number): ChildObserver {
    const client = this.#clients.get(id);
    if (client === undefined) throw new Error(`no client ${id}`);
    return client;
  }

  /** Changes the wire faults; one change after the other, each from what the one before left. */
  #changeWireFaults(change: (before: readonly WireFault[]) => WireFault[]): Promise<void> {
    const changed = this.#wireChange.then(() => this.#setWireFaults(change(this.#wireFaults)));
    this.#wireChange = changed.catch(() => {}); // the asker hears of it; the next change must not wait for ever
    return changed;
  }

  async #setWireFaults(next: WireFault[]): Promise<void> {
    // A port is unmuted before its rules go and muted after they came: what is doubtful counts as on the wire.
    const before = mutedPorts(this.#wireFaults);
    const after = mutedPorts(next);
    await this.#askWire("mute", { ports: [...before].filter((port) => after.has(port)) });
    await feed(["nft", "-f", "-"], renderWireFaults(next));
    this.#wireFaults = next;
    await this.#askWire("mute", { ports: [...after] });
  }

  /** What can be asked for; each takes one object and answers JSON. Those that inflict say when they began. */
  readonly operations = {
    state: async (): Promise<LabState> => ({
      id: this.#plan.id,
      members: [...this.#members.values()].map((member) => ({
        name: member.plan.name,
        isOn: member.isOn,
        pid: member.isOn ? member.pid : undefined,
        programs: Object.fromEntries(
          member.plan.programs.map(({ name }) => [name, member.isOn ? member.processesOf(name).length : 0]),
        ),
      })),
      wireFaults: this.#wireFaults,
      pulled: [...this.#pulled],
      frozen: [...this.#frozen],
    }),

    powerOff: async ({ node }: { node: string }): Promise<number> => {
      const atMs = nowMs();
      const member = this.#member(node);
      // Real power fails on all cables in the same instant. Ports that go down one after the other would let a
      // daemon hear of the first and say goodbye through the second.
      await this.#changeWireFaults((before) => [...before, ...darkness(member)]);
      await member.cutPower();
      this.#frozen.delete(node);
      return atMs;
    },

    powerOn: async ({ node }: { node: string }): Promise<number> => {
      const atMs = nowMs();
      const member = this.#member(node);
      await member.boot();
      for (const { port } of member.plan.cables) this.#pulled.delete(port);
      await this.#changeWireFaults((before) => before.filter((fault) => fault.cause !== node));
      await this.#askWire("ports", {});
      return atMs;
    },

    start: async ({ node, program }: { node: string; program: string }): Promise<number> => {
      const atMs = nowMs();
      const member = this.#member(node);
      if (member.processesOf(program).length > 0) throw new Error(`${program} of ${node} runs already`);
      member.start(program);
      return atMs;
    },

    stop: async (params: { node: string; program: string; how: NodeJS.Signals }): Promise<number> => {
      const atMs = nowMs();
      const member = this.#member(params.node);
      const ended = member.stop(params.program, params.how);
      // A frozen program hears SIGTERM only when it is thawed, exactly as on a real machine.
      await ended;
      this.#frozen.delete(params.node);
      return atMs;
    },

    signal: async (params: { node: string; program: string; signal: NodeJS.Signals }): Promise<number> => {
      const atMs = nowMs();
      const count = this.#member(params.node).signalProgram(params.program, params.signal);
      if (count === 0) throw new Error(`${params.program} of ${params.node} does not run`);
      if (params.program === "daemon" && params.signal === "SIGSTOP") this.#frozen.add(params.node);
      if (params.program === "daemon" && params.signal === "SIGCONT") this.#frozen.delete(params.node);
      return atMs;
    },

    setCarrier: async (params: { node: string; links: LinkName[]; up: boolean }): Promise<number> => {
      const cables = this.#member(params.node).plan.cables.filter((cable) => params.links.includes(cable.link));
      const atMs = nowMs();
      await runIp(portCommands(cables, params.up ? "up" : "down"));
      for (const { port } of cables) {
        if (params.up) this.#pulled.delete(port);
        else this.#pulled.add(port);
      }
      return atMs;
    },

    /** Takes a device out of a running node and puts a new one in its place, as reloading a driver does. */
    replaceDevice: async (params: { node: string; link: LinkName }): Promise<number> => {
      const member = this.#member(params.node);
      const cables = member.plan.cables.filter((cable) => cable.link === params.link);
      const atMs = nowMs();
      await unplug(cables);
      await runIp(cableCommands(cables, member.pid));
      await this.#askWire("ports", {});
      await runIp(addressCommands({ ...member.plan, cables }), member.pid);
      return atMs;
    },

    /** Adds wire faults; those of the same port stay. */
    addWireFaults: async ({ faults }: { faults: WireFault[] }): Promise<number> => {
      const atMs = nowMs();
      await this.#changeWireFaults((before) => [...before, ...faults]);
      return atMs;
    },

    /** Takes wire faults away: of these ports or of all, with this cause or with any. */
    clearWireFaults: async ({ ports, cause }: { ports?: string[]; cause?: string }): Promise<number> => {
      const atMs = nowMs();
      const isMeant = (one: WireFault): boolean =>
        (ports === undefined || ports.includes(one.port)) && (cause === undefined || cause === one.cause);
      await this.#changeWireFaults((before) => before.filter((one) => !isMeant(one)));
      return atMs;
    },

    /** Fills the disk that a node's state lies on, to the last byte; only in a lab with disks of its own for that. */
    fillDisk: async ({ node }: { node: string }): Promise<number> => {
      const disk = this.#disk(node);
      const atMs = nowMs();
      fillUp(join(disk, FILLER));
      return atMs;
    },
    emptyDisk: async ({ node }: { node: string }): Promise<number> => {
      const atMs = nowMs();
      rmSync(join(this.#disk(node), FILLER), { force: true });
      return atMs;
    },

    /** Copies what lies on the nodes' own disks to where it can be read from outside. */
    saveDisks: async (): Promise<void> => {
      for (const { directory, disk } of this.#plan.nodes) {
        if (disk !== undefined) cpSync(disk.path, join(directory, "saved-state"), { recursive: true });
      }
    },

    run: async (params: {
      member: string;
      argv: string[];
      timeoutMs?: number;
      input?: string;
    }): Promise<CommandOutput> => {
      const { timeoutMs, input } = params;
      return this.#member(params.member).run(params.argv, {
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(input === undefined ? {} : { input }),
      });
    },

    /** Process ids (as seen inside the lab) of a program, for a debugger or `/proc`. */
    processes: async (params: { node: string; program: string }): Promise<number[]> =>
      this.#member(params.node).processesOf(params.program),

    /** Memory and processor time of a program's processes so far. */
    usage: async (params: { node: string; program: string }): Promise<Usage> =>
      sumUsage(this.#member(params.node).processesOf(params.program)),

    startClient: async (options: ClientOptions): Promise<number> => {
      const id = this.#nextClient++;
      const program = new URL("./checks/client-process.ts", import.meta.url);
      const client = new ChildObserver(program, enter(this.#member(CLIENT).pid, []), options);
      this.#clients.set(id, client);
      await client.call("numbers", {});
      return id;
    },

    clientNumbers: async ({ id }: { id: number }): Promise<ClientNumbers> =>
      (await this.#client(id).call("numbers", {})) as ClientNumbers,

    /** Requests on connections of their own, or those on connections that stand. */
    clientTries: async (params: { id: number; sinceMs: number; of?: TriesOf }): Promise<PackedTry[]> =>
      (await this.#client(params.id).call("tries", params)) as PackedTry[],

    stopClient: async ({ id }: { id: number }): Promise<void> => {
      this.#client(id).end();
      this.#clients.delete(id);
    },

    /** Visitors of a balanced site: see `traffic/visitor-process.ts`. */
    startVisitors: async (): Promise<number> => {
      const id = this.#nextClient++;
      const program = new URL("./traffic/visitor-process.ts", import.meta.url);
      this.#clients.set(id, new ChildObserver(program, enter(this.#member(CLIENT).pid, []), {}));
      return id;
    },
    visitors: async (asked: { id: number; method: string; params: unknown }): Promise<unknown> =>
      await this.#client(asked.id).call(asked.method, asked.params),
    stopVisitors: async ({ id }: { id: number }): Promise<void> => {
      this.#client(id).end();
      this.#clients.delete(id);
    },

    watchHolders: async ({ everyMs }: { everyMs: number }): Promise<void> => {
      await this.#askWire("watch", { everyMs });
    },
    unwatchHolders: async (): Promise<void> => {
      await this.#askWire("unwatch", {});
    },
    holders: async (window: { fromMs: number; toMs: number }): Promise<HoldersReport> =>
      (await this.#askWire("report", window)) as HoldersReport,
    /** What the same observer captured in a window, for those who want to see it themselves. */
    captured: async (window: { fromMs: number; toMs: number }): Promise<CaptureReport> =>
      (await this.#askWire("captured", window)) as CaptureReport,
    serving: async (): Promise<Record<string, string[]>> =>
      (await this.#askWire("serving", {})) as Record<string, string[]>,

    relay: async (params: { options?: RelayOptions }): Promise<void> => {
      await this.#askWire("relay", params);
    },
    record: async (params: { port: number }): Promise<void> => {
      await this.#askWire("record", params);
    },
    replay: async (params: { times: number }): Promise<number> => (await this.#askWire("replay", params)) as number,
    responder: async (params: { options?: ResponderOptions }): Promise<void> => {
      await this.#askWire("responder", params);
    },
    wireCounts: async (): Promise<{ relayed: number; replayed: number; lies: number }> =>
      (await this.#askWire("counts", {})) as { relayed: number; replayed: number; lies: number },

    down: async (): Promise<void> => {
      setImmediate(() => this.end());
    },
  };

  /** Ends all members at once and removes the lab's folder. */
  end(): never {
    for (const member of this.#members.values()) member.destroy();
    for (const { disk } of this.#plan.nodes) if (disk !== undefined) unmountDisk(disk);
    removeLabDirectory(this.#plan.directory);
    process.exit(0);
  }
}

/** What the other side may ask for, as types. */
export type Operations = Supervisor["operations"];

export interface Usage {
  readonly memoryBytes: number;
  /** User and system time since the processes began, with that of their ended children. */
  readonly processorMs: number;
}

const PAGE_BYTES = 4096;
/** Kernel ticks in /proc are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

function sumUsage(pids: readonly number[]): Usage {
  let memoryBytes = 0;
  let processorMs = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // Own user and system time, then those of children that ended: programs that a daemon runs to check things.
      for (const field of [11, 12, 13, 14]) processorMs += Number(fields[field]) * TICK_MS;
      memoryBytes += Number(fields[21]) * PAGE_BYTES;
    } catch {
      // it ended while we looked
    }
  }
  return { memoryBytes, processorMs };
}

/** Nothing passes any cable of a member without power. */
function darkness(member: Member): WireFault[] {
  const { cables, name } = member.plan;
  return cables.map(({ port, link }) => ({ port, link, direction: "both", loss: { kind: "everything" }, cause: name }));
}

async function main(): Promise<void> {
  const [planPath = "", tie] = process.argv.slice(2);
  const plan = JSON.parse(readFileSync(planPath, "utf8")) as LabPlan;
  const supervisor = new Supervisor(plan);
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => supervisor.end());
  process.on("uncaughtException", (error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    supervisor.end();
  });
  if (tie === "tied") {
    process.stdin.on("end", () => supervisor.end());
    process.stdin.on("error", () => supervisor.end());
    process.stdin.resume();
  }
  await supervisor.build();
  rmSync(plan.socket, { force: true });
  const server = createServer((connection) => {
    new LineChannel(connection, connection, (method, params) => {
      const operation = (supervisor.operations as Record<string, (params: never) => Promise<unknown>>)[method];
      if (operation === undefined) throw new Error(`the lab knows no ${method}`);
      return operation(params as never);
    });
  });
  server.listen(plan.socket, () => process.stdout.write("ready\n"));
}

if (import.meta.main) {
  process.chdir(dirname(import.meta.dirname));
  await main();
}
