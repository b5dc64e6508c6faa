/** Does to a simulated world what the statements of a script say, and undoes it. */

import { assert } from "../../core/base/assert.ts";
import { MAX_SCRIPT_TIME_MS } from "../../core/base/limits.ts";
import { Random } from "../../core/base/random.ts";
import type { Verdict } from "../../core/base/words.ts";
import { inflictOnNetwork } from "../faults/inflict-network.ts";
import type { Machine } from "../machine.ts";
import { GOOD_QUALITY } from "../network.ts";
import type { World } from "../world.ts";
import { isReplaceable, runningThings } from "./rehearsal.ts";
import { type Action, endedBy, keysOf, type Member, type Remedy, type Trouble } from "./statement.ts";

/** Longer than any play: what has no end of its own is ended by the script. */
const FOR_EVER_MS = 100 * MAX_SCRIPT_TIME_MS;
/** A heart that is not fed for so long closes its gates. */
const FEED_LIMIT_MS = 1_000;
/** Packets that a network card keeps while its machine stands still. */
const ROOM_ON_CARD = 64;

/** Keeps what is wrong by its key, with what ends it. */
export class Stage {
  readonly #world: World;
  readonly #random: Random;
  readonly #open = new Map<string, () => void>();
  /** Per link: share of lost packets, and what is added to every packet's way. */
  readonly #qualities = new Map<number, { loss: number; delayMs: number }>();
  /** Counts changes of a monitor's checks: a verdict that comes too late is dropped. */
  readonly #checks = new Map<string, number>();

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#random = new Random(`${seed}/what-if`);
  }

  /** Begins a trouble; answers what ends it and nothing that began later. */
  begin(trouble: Trouble): () => void {
    // What ran on a machine is gone with its power, and so is what was wrong with it.
    if (trouble.kind === "power") for (const key of runningThings(trouble.node)) this.#open.delete(key);
    if (trouble.kind === "kill") this.#end(`freeze/${trouble.node}`);
    const begun = keysOf(trouble).flatMap((key) => {
      if (this.#open.has(key) && !isReplaceable(trouble)) return [];
      const end = this.#inflict(key, trouble);
      this.#open.set(key, end);
      return [{ key, end }];
    });
    return () => {
      for (const { key, end } of begun) if (this.#open.get(key) === end) this.#end(key);
    };
  }

  remedy(remedy: Remedy): void {
    // A server is mended before it boots, and its power comes before its daemon.
    const ended = endedBy(remedy, this.#open.keys()).toSorted((a, b) => rank(a) - rank(b));
    for (const key of ended) this.#end(key);
  }

  /** A service ends by itself. */
  die(node: number, service: string): void {
    this.#machine(node).crashServices(service);
  }

  /** Types a command where it is heard. */
  request({ verb, node }: Extract<Action, { kind: "request" }>): void {
    const named = node ?? ("node" in verb ? this.#world.config.nodes.findIndex(({ name }) => name === verb.node) : -1);
    const hearing = this.#world.machines.filter((_, index) => this.#hears(index));
    const machine = hearing.find(({ index }) => index === named) ?? hearing[0];
    if (machine !== undefined) this.#world.request(machine, verb);
  }

  #hears(node: number): boolean {
    const isBroken = ["power", "daemon", "freeze", "pause"].some((kind) => this.#open.has(`${kind}/${node}`));
    return !isBroken && this.#machine(node).process !== undefined;
  }

  #machine(node: number): Machine {
    const machine = this.#world.machines[node];
    assert(machine !== undefined, "the script's nodes are the world's");
    return machine;
  }

  #end(key: string): void {
    const end = this.#open.get(key);
    this.#open.delete(key);
    end?.();
  }

  #inflict(key: string, trouble: Trouble): () => void {
    switch (trouble.kind) {
      case "power":
      case "kill":
      case "stop":
      case "freeze":
      case "block":
      case "suspend":
      case "pause":
        return this.#inflictOnMachine(trouble);
      case "cut":
      case "filter":
        return this.#inflictOnCable(key, trouble);
      case "loss":
        return this.#spoil(linkIn(key), { loss: trouble.share }, { loss: 0 });
      case "delay":
        return this.#spoil(linkIn(key), { delayMs: trouble.ms }, { delayMs: 0 });
      case "split":
        return this.#split(linkIn(key), trouble.parts);
      case "gateway":
        return inflictOnNetwork(this.#world, { kind: "gateway", link: linkIn(key) });
      case "monitor":
        this.#fail(trouble, trouble.verdict);
        return () => this.#fail(trouble, "up");
      case "service": {
        const machine = this.#machine(trouble.node);
        machine.moods.set(trouble.service, trouble.mood);
        return () => machine.moods.delete(trouble.service);
      }
    }
  }

  #inflictOnMachine(
    trouble: Extract<Trouble, { kind: "power" | "kill" | "stop" | "freeze" | "block" | "suspend" | "pause" }>,
  ): () => void {
    const machine = this.#machine(trouble.node);
    const start = () => {
      machine.shouldRun = true;
      machine.startProcess(undefined);
    };
    switch (trouble.kind) {
      case "power":
        machine.powerOff();
        return () => {
          machine.shouldRun = true;
          machine.powerOn();
        };
      case "kill":
        machine.shouldRun = false;
        machine.killProcess("killed");
        return start;
      case "stop":
        machine.shouldRun = false;
        this.#world.request(machine, { verb: "leave" });
        return start;
      case "freeze": {
        const { process } = machine;
        process?.freeze(FOR_EVER_MS, undefined);
        return () => process?.thaw();
      }
      case "block":
        return this.#block(machine);
      case "suspend":
      case "pause":
        machine.pause(trouble.forMs ?? 0, {
          clock: trouble.kind === "pause" ? "stops" : "runs",
          room: ROOM_ON_CARD,
        });
        return () => {};
    }
  }

  #block(machine: Machine): () => void {
    const { process } = machine;
    let isOver = false;
    let isTold = false;
    process?.stall(true);
    machine.after(FEED_LIMIT_MS, () => {
      if (isOver) return;
      isTold = true;
      process?.deliver((now) => ({ kind: "stalled", now, stalled: true }));
    });
    return () => {
      isOver = true;
      if (isTold) process?.deliver((now) => ({ kind: "stalled", now, stalled: false }));
      process?.stall(false);
    };
  }

  #inflictOnCable(key: string, trouble: Extract<Trouble, { kind: "cut" | "filter" }>): () => void {
    const [kind, , last] = key.split("/");
    const links = [Number(last)];
    const { node } = trouble;
    if (kind !== "filter") {
      const way = kind === "carrier" ? "both" : (kind as "in" | "out");
      return inflictOnNetwork(this.#world, { kind: "cut", node, links, way, carrier: kind === "carrier" });
    }
    const ends = this.#world.machines
      .filter(({ index }) => index !== node)
      .map(({ index }) =>
        inflictOnNetwork(this.#world, { kind: "udp", links, pair: { from: node, to: index, bothWays: true } }),
      );
    return () => {
      for (const end of ends) end();
    };
  }

  #spoil(
    link: number,
    change: Partial<{ loss: number; delayMs: number }>,
    back: Partial<{ loss: number; delayMs: number }>,
  ): () => void {
    const set = (changed: Partial<{ loss: number; delayMs: number }>) => {
      const quality = { loss: 0, delayMs: 0, ...this.#qualities.get(link), ...changed };
      this.#qualities.set(link, quality);
      const { delayMin, delayMax } = GOOD_QUALITY;
      this.#world.network.setQuality(link, {
        ...GOOD_QUALITY,
        loss: quality.loss,
        delayMin: delayMin + quality.delayMs,
        delayMax: delayMax + quality.delayMs,
      });
    };
    set(change);
    return () => set(back);
  }

  /** Each wire of a play has one gateway and one client. */
  #split(link: number, members: readonly (readonly Member[])[]): () => void {
    const parts = members.map((part) => part.map((member) => (member === "clients" ? "client" : member)));
    return inflictOnNetwork(this.#world, { kind: "split", links: [link], parts, way: "both" });
  }

  /** The checks of a monitor answer so from now on; the verdict follows when enough of them were made. */
  #fail({ node, monitor }: { node: number; monitor: string }, outcome: Verdict): void {
    const world = this.#world;
    const machine = this.#machine(node);
    const settings = world.config.monitors.find(({ name }) => name === monitor);
    if (settings === undefined) return;
    const key = `${node}/${monitor}`;
    const change = (this.#checks.get(key) ?? 0) + 1;
    this.#checks.set(key, change);
    const verdict = machine.verdicts.get(monitor) ?? "up";
    if (verdict === outcome) return;
    const rounds = outcome !== "up" ? settings.fall : verdict === "unknown" ? 1 : settings.rise;
    const delayMs =
      this.#random.between(0, settings.everyMs) + (rounds - 1) * settings.everyMs + this.#random.between(1, 20);
    world.timeline.after(delayMs, () => {
      if (this.#checks.get(key) !== change) return;
      machine.verdicts.set(monitor, outcome);
      machine.reportMonitor(machine.process, monitor);
    });
  }
}

function linkIn(key: string): number {
  return Number(key.split("/")[1]);
}

/** Cables and health first, then power, then the daemon. */
function rank(key: string): number {
  const order = ["power", "daemon", "freeze", "block"].indexOf(key.split("/")[0] ?? "");
  return order + 1;
}
