/**
 * Writes down what happens in a world while a script is played: decisions, what kernels do by themselves, what
 * clients see, answers to operators, and a promise that is broken.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { DecisionEvent, ReplyEffect, RunEffect } from "../../core/node/effects.ts";
import type { Verb } from "../../core/node/inputs.ts";
import { Checker } from "../checkers/checker.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { ClientView } from "./client-view.ts";
import { mergeDecisions, type Recorded } from "./merge.ts";
import type { Entry, Move, Side } from "./simulation.ts";

/** Entries and decisions kept; nobody reads more. */
const MOST_ENTRIES = 20_000;

/** An overlap that lasts. */
interface Overlap {
  readonly from: number;
  readonly names: readonly string[];
  isHarmful: boolean;
}

export class Watch extends Checker {
  readonly name = "what-if";
  readonly moves: Move[] = [];
  /** When something happened last, in true time. */
  lastAt = 0;
  clients: ClientView | undefined;
  #origin = 0;
  #isOn = false;
  /** When the script last did something. */
  #causeAt = 0;
  readonly #entries: Entry[] = [];
  readonly #decisions: Recorded[] = [];
  /** Holder of each group, as far as known. */
  readonly #holders = new Map<string, string>();
  /** Who served each VIP. */
  readonly #serving = new Map<string, readonly Machine[]>();
  readonly #overlaps = new Map<VipConfig, Overlap>();
  /** Commands that start or stop a service now, with the machine's clock: a power loss ends them without a word. */
  readonly #commands = new Map<RunEffect, { machine: Machine; clock: Machine["clock"] }>();

  /** The script begins: what came before was only the cluster's start. */
  begin(world: World): void {
    this.#origin = world.now;
    this.#causeAt = world.now;
    this.lastAt = world.now;
    this.#isOn = true;
    this.clients = new ClientView(world, {
      silent: ({ address }, sides, at) =>
        this.add(
          world,
          { kind: "clients", severity: "alert", vip: address, text: `${address} does not answer${whom(sides)}` },
          at,
        ),
      answers: ({ address }, sides, { at, node, gapMs }) =>
        this.add(
          world,
          {
            kind: "clients",
            vip: address,
            nodes: [node],
            text: `${address} answers${whom(sides)} from ${node} after ${roundedMs(gapMs)}`,
            facts: { gapMs: Math.round(gapMs) },
          },
          at,
        ),
    });
  }

  /** Writes an entry; `at` when it became known only later. */
  add(world: World, entry: Pick<Entry, "kind" | "text"> & Partial<Entry>, at = world.now): void {
    this.lastAt = world.now;
    if (entry.kind === "script" || entry.kind === "over") this.#causeAt = world.now;
    if (this.#entries.length < MOST_ENTRIES)
      this.#entries.push({ severity: "info", by: [], ...entry, at: at - this.#origin });
  }

  /** Does a service's start or stop take its time? */
  isBusy(): boolean {
    return [...this.#commands.values()].some(({ machine, clock }) => machine.isPowered && machine.clock === clock);
  }

  override serviceOrdered(_world: World, machine: Machine, effect: RunEffect): void {
    if (effect.action !== "status") this.#commands.set(effect, { machine, clock: machine.clock });
  }

  override serviceEnded(_world: World, _machine: Machine, effect: RunEffect): void {
    this.#commands.delete(effect);
  }

  /** The world's end: what lasts is written down, and everything put in order. */
  finish(world: World): Entry[] {
    for (const vip of this.#overlaps.keys()) this.#tellOverlap(world, vip, true);
    for (const { checker, text } of world.violations)
      this.add(world, { kind: "broken", severity: "alert", text: `${checker}: ${text}` });
    return [...this.#entries, ...mergeDecisions(this.#decisions)]
      .map((entry, order) => ({ entry, order }))
      .toSorted((a, b) => a.entry.at - b.entry.at || rank(a.entry) - rank(b.entry) || a.order - b.order)
      .map(({ entry }) => entry);
  }

  override decided(world: World, machine: Machine, event: DecisionEvent): void {
    const { reason, group, node, facts } = event;
    if (reason === "GROUP_TAKEN" && node !== undefined && group !== undefined)
      this.#taken(world, group, node, Number(facts["epoch"] ?? 0));
    this.lastAt = world.now;
    if (this.#isOn && this.#decisions.length < MOST_ENTRIES)
      this.#decisions.push({ at: world.now - this.#origin, by: machine.name, event });
  }

  #taken(world: World, group: string, node: string, epoch: number): void {
    const from = this.#holders.get(group);
    this.#holders.set(group, node);
    if (!this.#isOn) return;
    const { now } = world;
    this.moves.push({ group, from, to: node, at: now - this.#origin, afterMs: now - this.#causeAt, epoch });
  }

  override replied(world: World, machine: Machine, verb: Verb, outcome: ReplyEffect["outcome"]): void {
    // A stop's answer is its daemon's end, and a restart's the next daemon: both have entries of their own.
    if (!this.#isOn || outcome.kind === "forward" || outcome.kind === "handover" || verb.verb === "leave") return;
    const isRefused = outcome.kind === "refused";
    this.add(world, {
      kind: "reply",
      by: [machine.name],
      severity: isRefused ? "warning" : "info",
      text: isRefused ? `refuses: ${outcome.problem.message}` : `answers: ${outcome.detail}`,
      ...(isRefused && { facts: { code: outcome.problem.code } }),
    });
  }

  override servingChanged(world: World, changed: VipConfig | undefined): void {
    for (const vip of changed === undefined ? world.vips : [changed]) {
      const before = this.#serving.get(vip.id) ?? [];
      const serving = world.serving(vip);
      this.#serving.set(vip.id, serving);
      if (!this.#isOn) continue;
      for (const machine of before) if (!serving.includes(machine)) this.#closed(world, machine, vip);
      this.#compare(world, vip, serving);
    }
    this.clients?.look(changed);
  }

  /** A gate that closes while nobody runs who could say so. */
  #closed(world: World, machine: Machine, vip: VipConfig): void {
    const { process } = machine;
    if (!machine.isPowered || machine.isPaused) return;
    if (process !== undefined && process.frozenSince === undefined) return;
    this.add(world, {
      kind: "kernel",
      by: [machine.name],
      nodes: [machine.name],
      vip: vip.address,
      text: `its kernel closes ${vip.address}: the lease is over`,
    });
  }

  /** The promise that no script may break unseen: nobody reaches two that serve one address. */
  #compare(world: World, vip: VipConfig, serving: readonly Machine[]): void {
    if (serving.length < 2) {
      this.#tellOverlap(world, vip, false);
      return;
    }
    const overlap = this.#overlaps.get(vip) ?? {
      from: world.now,
      names: serving.map(({ name }) => name),
      isHarmful: false,
    };
    overlap.isHarmful ||= world.observers.views.some(
      (view) => view.link === (vip.link ?? 0) && world.observers.reachableFrom(view, serving).length > 1,
    );
    this.#overlaps.set(vip, overlap);
  }

  #tellOverlap(world: World, vip: VipConfig, isEnd: boolean): void {
    const overlap = this.#overlaps.get(vip);
    this.#overlaps.delete(vip);
    if (overlap === undefined || (!isEnd && world.now === overlap.from)) return;
    const { from, names, isHarmful } = overlap;
    const howLong = isEnd ? "until the end" : `for ${roundedMs(world.now - from)}`;
    const stopped = names.filter((name) => world.machines.find((one) => one.name === name)?.stoppedClock !== undefined);
    const why = stopped.length > 0 ? `; the clock of ${stopped.join(" and ")} had stood still` : "";
    this.add(
      world,
      {
        kind: "broken",
        severity: isHarmful ? "alert" : "warning",
        vip: vip.address,
        nodes: names,
        text: `${vip.address} is served by ${names.join(" and ")} at once ${howLong}, and ${isHarmful ? "clients reach both" : "nobody reaches both"}${why}`,
        facts: { overlapMs: Math.round(world.now - from), clockStoodStill: stopped.length > 0 },
      },
      from,
    );
  }
}

/** Of the same moment: the script's own words, then what nodes do, then what clients see of it. */
function rank({ kind }: Entry): number {
  if (kind === "script" || kind === "over" || kind === "expect") return 0;
  return kind === "clients" ? 2 : 1;
}

/** `31 ms`; what is shorter keeps a digit. */
function roundedMs(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
}

/** Who of a VIP's users; nothing when all of them. */
function whom(sides: readonly Side[]): string {
  const words: Record<Side, string> = { segment: "clients on its segment", gateway: "clients behind the gateway" };
  return sides.map((side) => ` ${words[side]}`).join(" and");
}
