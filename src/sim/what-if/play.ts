/**
 * Plays a script with the real core in the simulator's world: starts the cluster, lets it settle, does what the
 * statements say, and runs on until nothing changes any more. Nothing outside of the world is read or touched.
 */

import type { ClusterConfig } from "../../core/config/cluster.ts";
import { Node } from "../../core/node/node.ts";
import type { GroupView } from "../../core/node/view.ts";
import type { Machine } from "../machine.ts";
import type { MakeCore } from "../process.ts";
import { World } from "../world.ts";
import type { Script } from "./parse-script.ts";
import type { Expectation, GroupState, Simulation } from "./simulation.ts";
import { Stage } from "./stage.ts";
import type { Statement, Wanted } from "./statement.ts";
import { Watch } from "./watch.ts";

/** Everything has settled when nothing happened for so long, */
export const QUIET_MS = 5_000;
/** and after so long the play ends anyway. */
export const MOST_SETTLING_MS = 60_000;
/** Relative error of the machines' clocks: ordinary quartz. */
const DRIFT = 0.000_05;
/** Between two looks at whether all is quiet. */
const LOOK_MS = 100;
/** A start is over when all groups are served and nothing happened for so long. */
const START_QUIET_MS = 1_500;
const MOST_STARTING_MS = 30_000;

/** What to play. */
export interface PlayOptions {
  readonly config: ClusterConfig;
  readonly gateways: readonly (readonly string[])[];
  readonly script: Script;
  readonly seed: number;
  /** Ends the play then, in milliseconds of the script; undefined means when all is quiet. */
  readonly untilMs?: number | undefined;
}

const makeCore: MakeCore = (options) => new Node(options);

/** Plays once. The same options give the same answer. */
export function playScript(options: PlayOptions): Simulation {
  const { config, gateways, seed } = options;
  const watch = new Watch();
  const world = new World({
    seed,
    config,
    mix: "chaos",
    gateways,
    makeCore,
    checkers: [watch],
    recording: false,
    verbose: false,
    usesBytes: false,
    drift: DRIFT,
  });
  return new Play(world, watch, options).run();
}

class Play {
  readonly #world: World;
  readonly #watch: Watch;
  readonly #stage: Stage;
  readonly #options: PlayOptions;
  readonly #expectations: Expectation[] = [];
  #origin = 0;
  /** When the last trouble with a length ends, in true time. */
  #lastEnd = 0;

  constructor(world: World, watch: Watch, options: PlayOptions) {
    this.#world = world;
    this.#watch = watch;
    this.#options = options;
    this.#stage = new Stage(world, options.seed);
  }

  run(): Simulation {
    const { script, seed } = this.#options;
    this.#start();
    const start = this.#groups();
    for (const statement of script.statements) if (!this.#isBroken()) this.#act(statement);
    const isSettled = this.#settle();
    const entries = this.#watch.finish(this.#world);
    return {
      seed,
      start,
      entries,
      moves: this.#watch.moves,
      gaps: [...(this.#watch.clients?.gaps ?? []), ...(this.#watch.clients?.open() ?? [])],
      expectations: this.#expectations,
      end: this.#groups(),
      untilMs: this.#world.now - this.#origin,
      isSettled,
    };
  }

  #isBroken(): boolean {
    return this.#world.violations.length > 0;
  }

  #pass(ms: number): void {
    this.#world.timeline.runUntil(this.#world.now + ms, { isBroken: () => this.#isBroken() });
  }

  #start(): void {
    const world = this.#world;
    const { timeline } = world;
    for (const machine of world.machines)
      timeline.after(world.random.machines.between(0, 300), () => machine.powerOn());
    const limit = world.config.heartbeat.initialWaitMs + MOST_STARTING_MS;
    while (world.now < limit && !this.#isBroken()) {
      this.#pass(LOOK_MS);
      const isServed = world.config.groups.every(({ name }) => this.#holders(name).length === 1);
      if (isServed && world.now - this.#watch.lastAt >= START_QUIET_MS) break;
    }
    this.#origin = world.now;
    this.#lastEnd = world.now;
    this.#watch.begin(world);
  }

  #act(statement: Statement): void {
    const { action, text } = statement;
    const world = this.#world;
    if (action.kind === "wait") return this.#pass(action.ms);
    if (action.kind === "expect") return this.#expect(statement, action);
    this.#watch.add(world, { kind: "script", text });
    switch (action.kind) {
      case "trouble": {
        const { forMs } = action.trouble;
        const end = this.#stage.begin(action.trouble);
        if (forMs === undefined) return;
        this.#lastEnd = Math.max(this.#lastEnd, world.now + forMs);
        world.timeline.after(forMs, () => {
          this.#watch.add(world, { kind: "over", text: `${text}: over` });
          end();
        });
        return;
      }
      case "remedy":
        return this.#stage.remedy(action.remedy);
      case "dies":
        return this.#stage.die(action.node, action.service);
      case "request":
        return this.#stage.request(action);
    }
  }

  /** True when all was quiet at the end. */
  #settle(): boolean {
    const world = this.#world;
    const { untilMs } = this.#options;
    if (untilMs !== undefined) {
      this.#pass(Math.max(0, this.#origin + untilMs - world.now));
    } else {
      const from = Math.max(world.now, this.#lastEnd);
      const isQuiet = () => world.now >= from && world.now - this.#watch.lastAt >= QUIET_MS && !this.#watch.isBusy();
      while (world.now < from + MOST_SETTLING_MS && !isQuiet() && !this.#isBroken()) this.#pass(LOOK_MS);
    }
    return world.now >= this.#lastEnd && world.now - this.#watch.lastAt >= QUIET_MS && !this.#watch.isBusy();
  }

  #expect(statement: Statement, action: { group: string; wanted: Wanted }): void {
    const world = this.#world;
    const { group, wanted } = action;
    const isMet = this.#isMet(group, wanted);
    const seen = this.#seen(group, wanted);
    const { text, at } = statement;
    this.#expectations.push({ text, at, atMs: world.now - this.#origin, isMet, seen });
    this.#watch.add(world, {
      kind: "expect",
      severity: isMet ? "info" : "alert",
      group,
      text: isMet ? `${text}: so it is` : `${text}: but ${seen}`,
    });
  }

  #isMet(group: string, wanted: Wanted): boolean {
    const holders = this.#holders(group);
    if (wanted.kind === "nowhere") return holders.length === 0;
    if (wanted.kind === "gap") return this.#longestGap(group) < wanted.underMs;
    return holders.length === 1 && holders[0]?.index === wanted.node;
  }

  #seen(group: string, wanted: Wanted): string {
    if (wanted.kind === "gap")
      return `clients of ${group} were without an answer for ${this.#longestGap(group).toFixed(0)} ms`;
    const names = this.#holders(group).map(({ name }) => name);
    return `${group} is ${names.length === 0 ? "nowhere" : `on ${names.join(" and ")}`}`;
  }

  #longestGap(group: string): number {
    const { clients } = this.#watch;
    const gaps = [...(clients?.gaps ?? []), ...(clients?.open() ?? [])].filter((gap) => gap.group === group);
    return Math.max(0, ...gaps.map(({ ms }) => ms));
  }

  /** Who serves a group: by its addresses as the kernels have them, without addresses by what the daemon does. */
  #holders(group: string): Machine[] {
    const world = this.#world;
    const resources = world.config.groups.find(({ name }) => name === group)?.resources ?? [];
    const vips = resources.filter((resource) => resource.kind === "vip");
    if (vips.length === 0) return world.machines.filter((machine) => viewOf(machine, group)?.role === "holding");
    const serving = vips.map((vip) => world.serving(vip));
    return world.machines.filter((machine) => serving.some((machines) => machines.includes(machine)));
  }

  #groups(): GroupState[] {
    return this.#world.config.groups.map(({ name }): GroupState => {
      const views = this.#world.machines.flatMap((machine) => {
        const view = viewOf(machine, name);
        return view === undefined ? [] : [{ machine, view }];
      });
      const on = this.#holders(name).map((machine) => machine.name);
      const acting =
        views.find(({ machine }) => on.includes(machine.name)) ?? views.find(({ view }) => view.role !== "idle");
      const { lease: _, ...pending } = (acting ?? views[0])?.view.timers ?? {};
      return {
        group: name,
        on,
        epoch: views.length === 0 ? undefined : Math.max(...views.map(({ view }) => view.epoch)),
        because: on.length > 0 ? undefined : whyNowhere(acting ?? views[0]),
        pending,
      };
    });
  }
}

/** A running daemon's view of a group. */
function viewOf(machine: Machine, group: string): GroupView | undefined {
  const { process } = machine;
  if (process === undefined || process.frozenSince !== undefined) return undefined;
  return process.core.view(process.now).groups.find(({ name }) => name === group);
}

function whyNowhere(seen: { machine: Machine; view: GroupView } | undefined): string {
  if (seen === undefined) return "no daemon runs";
  const { machine, view } = seen;
  if (view.role !== "idle") return `it is ${view.role} on ${machine.name}`;
  const { process } = machine;
  if (process?.core.view(process.now).maintenance === true) return "maintenance keeps everything where it is";
  return view.candidates.map(({ node, because }) => `${node} ${because}`).join("; ");
}
