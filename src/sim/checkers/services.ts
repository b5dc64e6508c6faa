/**
 * Services run in one place. Nothing starts on a machine while it runs on another one that is heard and has not
 * confirmed its stop, or whose gate is open; one action at a time for one service on one machine; and a gate that
 * was closed opens only after the group's services were started.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { GroupReport, Frame } from "../../core/membership/frame.ts";
import type { RunEffect } from "../../core/node/effects.ts";
import type { Machine } from "../machine.ts";
import type { Process } from "../process.ts";
import type { BootClock } from "../timeline.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";
import { isExcused } from "./stopped-clocks.ts";

/** A machine whose last frame is older is not heard just now: its word is no obstacle. */
const HEARD_WITHIN_MS = 150;

/** The last that one machine heard of another about a group. */
interface Hearsay {
  incarnation: string;
  at: number;
  role: GroupReport["role"];
  left: boolean;
  /** It speaks as the holder; a node that gives way to another says whose the group is now. */
  isHolder: boolean;
}

/** What a machine's daemon did with one service. */
interface Service {
  /** The daemon that ran the last action, and whether that action is over. */
  process: Process | undefined;
  isBusy: boolean;
  /** The machine's life in which it was started and not stopped since, as the daemon was told. */
  startedIn: BootClock | undefined;
  /** Its stop failed: nobody needs to wait for it any more. */
  isStuck: boolean;
}

export class Services extends Checker {
  readonly name = "services";
  #withServices: ReadonlySet<string> | undefined;
  readonly #services = new Map<string, Service>();
  /** By hearer, speaker and group; only groups with services are kept. */
  readonly #heard: Map<string, Hearsay>[][] = [];

  override serviceOrdered(world: World, machine: Machine, effect: RunEffect): void {
    const service = this.#of(machine, effect.resource);
    this.runs++;
    const about = `${effect.action} of ${effect.resource} on ${machine.name}`;
    if (service.isBusy && service.process === machine.process)
      world.violate(this.name, `${about} begins while another action of it runs`);
    service.isBusy = true;
    service.process = machine.process;
    if (effect.action === "start") this.#begins(world, machine, effect);
  }

  override serviceEnded(_world: World, machine: Machine, effect: RunEffect, ok: boolean): void {
    const service = this.#of(machine, effect.resource);
    service.isBusy = false;
    if (effect.action === "start" && ok) {
      service.startedIn = machine.clock;
      service.isStuck = false;
    }
    if (effect.action !== "stop") return;
    if (ok) service.startedIn = undefined;
    service.isStuck = !ok;
  }

  override frameHeard(world: World, process: Process, frame: Frame): void {
    for (const report of frame.groups) {
      if (!this.#hasServices(world, report.name)) continue;
      const heard = this.#hearsay(process.machine, world.machine(frame.node), report.name);
      heard.incarnation = frame.incarnation;
      heard.at = world.now;
      heard.role = report.role;
      heard.left = frame.mode === "left";
      heard.isHolder = report.holder === frame.node;
    }
  }

  #hearsay(hearer: Machine, speaker: Machine, group: string): Hearsay {
    const groups = ((this.#heard[hearer.index] ??= [])[speaker.index] ??= new Map());
    let heard = groups.get(group);
    if (heard === undefined) {
      heard = { incarnation: "", at: Number.NEGATIVE_INFINITY, role: "idle", left: false, isHolder: false };
      groups.set(group, heard);
    }
    return heard;
  }

  override opened(world: World, machine: Machine, vip: VipConfig, _until: number): void {
    const group = world.config.groups.find(({ resources }) => resources.includes(vip));
    const services = group?.resources.filter(({ kind }) => kind === "service") ?? [];
    if (services.length === 0) return;
    this.runs++;
    const missing = services.find(({ id }) => this.#of(machine, id).startedIn !== machine.clock);
    if (missing !== undefined)
      world.violate(this.name, `${machine.name} opens ${vip.id} before ${missing.id} was started`);
  }

  /** A start is ordered: wherever else it runs, nobody can reach it or it cannot be asked. */
  #begins(world: World, machine: Machine, { group, resource }: RunEffect): void {
    const vips = world.vips.filter(({ id }) => id.startsWith(`${group}/`));
    for (const other of world.machines) {
      if (other === machine || !other.runs(resource) || this.#of(other, resource).isStuck) continue;
      const open = vips.find((vip) => world.serving(vip).includes(other));
      const where = `${resource} starts on ${machine.name} while it runs on ${other.name}`;
      if (open !== undefined && !isExcused(world, other, open))
        world.violate(this.name, `${where}, which serves ${open.id}`);
      const heard = this.#hearsay(machine, other, group ?? "");
      const isFresh = world.now - heard.at <= HEARD_WITHIN_MS && !heard.left;
      // A daemon that ended since, or a capture of what it once said, is nobody's word.
      if (!isFresh || !heard.isHolder || heard.incarnation !== other.process?.incarnation) continue;
      if (heard.role === "holding" || heard.role === "starting" || heard.role === "stopping")
        world.violate(this.name, `${where}, which said a moment ago that it is ${heard.role}`);
      else if (heard.role === "idle" && this.#isStarted(other, resource))
        world.violate(this.name, `${where}, which released it without stopping it`);
    }
  }

  /** The daemon that runs there started it, and was never told that it stopped. */
  #isStarted(machine: Machine, resource: string): boolean {
    const { startedIn, process } = this.#of(machine, resource);
    return startedIn === machine.clock && process === machine.process;
  }

  #hasServices(world: World, group: string): boolean {
    let has = this.#withServices;
    if (has === undefined) {
      const groups = world.config.groups.filter(({ resources }) => resources.some(({ kind }) => kind === "service"));
      has = new Set(groups.map(({ name }) => name));
      this.#withServices = has;
    }
    return has.has(group);
  }

  #of(machine: Machine, resource: string): Service {
    const key = `${machine.index}/${resource}`;
    let service = this.#services.get(key);
    if (service === undefined) {
      service = { process: undefined, isBusy: false, startedIn: undefined, isStuck: false };
      this.#services.set(key, service);
    }
    return service;
  }
}
