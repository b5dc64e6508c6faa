/**
 * Every decision has a reason: each gate that opens or closes, and each change of a role or a mode in a node's
 * frames, is matched by an event of that node, and each event's word is known and has all its facts.
 */

import type { GroupRole, NodeMode } from "../../core/base/words.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Frame } from "../../core/membership/frame.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import { REASONS } from "../../core/node/reasons.ts";
import { Reasons, type SeenChange } from "../../promises/reasons.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** An event may be so far from what it explains: some decisions are told before they take effect. */
const WITHIN_MS = 1_000;

/** Just thawed: what was decided before is recorded now, and what was missed is decided. */
const THAWED_MS = 200;

const OPENED = ["GATE_LATE", "GROUP_TAKEN", "NODE_RESUMED"];
const CLOSED = [
  "GATE_LATE",
  "GROUP_LAPSED",
  "GROUP_MOVING",
  "GROUP_YIELDED",
  "NODE_STALLED",
  "GATE_BROKEN",
  "NODE_STARTED",
];

const ROLES: Readonly<Record<GroupRole, readonly string[]>> = {
  idle: ["GROUP_RELEASED"],
  starting: ["GROUP_STARTING", "GROUP_TAKEN"],
  holding: ["GROUP_TAKEN", "NODE_RESUMED"],
  stopping: ["GROUP_MOVING", "GROUP_YIELDED", "GROUP_CLEARED"],
  lapsed: ["GROUP_LAPSED"],
  stuck: ["GROUP_STOP_FAILED"],
};

const MODES: Readonly<Record<NodeMode, readonly string[]>> = {
  observing: ["NODE_STARTED", "NODE_FED"],
  online: ["NODE_ONLINE", "NODE_FED"],
  standby: ["NODE_STANDBY", "NODE_FED"],
  left: ["NODE_LEAVING", "NODE_STALLED"],
};

/** What a node's frames said last. */
interface Said {
  /** When the last one was sent; a node whose ports are down sends none. */
  at: number;
  incarnation: string;
  mode: NodeMode;
  readonly roles: Map<string, GroupRole>;
}

export class EveryReason extends Checker {
  readonly name = "reasons";
  readonly #promise = new Reasons({ sentences: REASONS, withinMs: WITHIN_MS });
  readonly #said: (Said | undefined)[] = [];
  /** Whether each machine's gate for each VIP was open, last. */
  readonly #open: Set<string>[] = [];
  #lookedAt = 0;

  override decided(world: World, machine: Machine, event: DecisionEvent): void {
    const { reason, group, node, link, facts } = event;
    const recorded = { at: world.now, node: machine.name, reason, group, facts: { node, group, link, ...facts } };
    this.#tell(world, this.#promise.event(recorded));
  }

  override frameSent(world: World, machine: Machine, frame: Frame): void {
    const said = this.#said[machine.index];
    if (said === undefined || said.incarnation !== frame.incarnation) {
      const roles = new Map(frame.groups.map((group) => [group.name, group.role]));
      this.#said[machine.index] = { at: world.now, incarnation: frame.incarnation, mode: frame.mode, roles };
    } else {
      if (said.mode !== frame.mode) this.#mode(world, machine, frame.mode, said);
      for (const { name, role } of frame.groups) {
        if (said.roles.get(name) === role) continue;
        const what = `went from ${said.roles.get(name) ?? "nothing"} to ${role}`;
        said.roles.set(name, role);
        const seen = { at: world.now, since: said.at, node: machine.name, group: name, what, reasons: ROLES[role] };
        this.#seen(world, seen);
      }
      said.at = world.now;
    }
    this.#advanceSoon(world);
  }

  override opened(world: World): void {
    this.#advanceSoon(world);
  }

  override servingChanged(world: World, changed: VipConfig | undefined): void {
    for (const machine of world.machines) {
      if (changed === undefined) for (const vip of world.vips) this.#gate(world, machine, vip);
      else this.#gate(world, machine, changed);
    }
  }

  override ended(world: World): void {
    this.#advance(world);
  }

  #mode(world: World, machine: Machine, mode: NodeMode, said: Said): void {
    const what = `went from mode ${said.mode} to ${mode}`;
    said.mode = mode;
    const seen = { at: world.now, since: said.at, node: machine.name, group: undefined, what, reasons: MODES[mode] };
    this.#seen(world, seen);
  }

  #gate(world: World, machine: Machine, vip: VipConfig): void {
    const open = (this.#open[machine.index] ??= new Set());
    const isOpen = machine.isPowered && machine.kernel.serves(vip.id, world.now);
    if (isOpen === open.has(vip.id)) return;
    if (isOpen) open.add(vip.id);
    else open.delete(vip.id);
    // What happens to a machine without a daemon is nobody's decision.
    if (machine.process === undefined || !machine.process.alive) return;
    // A file that does not have it any more: an operator's decision, and the lease of before ends by itself.
    const isKnown = machine.config.groups.some(({ resources }) => resources.some(({ id }) => id === vip.id));
    if (!isKnown) return;
    const what = isOpen ? "opened its gate" : "closed its gate";
    const group = vip.id.slice(0, vip.id.indexOf("/"));
    const reasons = isOpen ? OPENED : CLOSED;
    this.#seen(world, { at: world.now, node: machine.name, group, what, reasons });
  }

  #seen(world: World, change: SeenChange): void {
    this.#promise.changed(change);
    this.#advance(world);
  }

  /** Time passes with everything that a node does; now and then is enough. */
  #advanceSoon(world: World): void {
    if (world.now - this.#lookedAt >= WITHIN_MS / 10) this.#advance(world);
  }

  #advance(world: World): void {
    this.#lookedAt = world.now;
    for (const machine of world.machines) {
      if (machine.process === undefined || !machine.process.alive) this.#promise.gone(machine.name);
    }
    const runs = (node: string): boolean => {
      const machine = world.machine(node);
      if (machine.isPaused || machine.process?.frozenSince !== undefined) return false;
      return world.now - (machine.process?.thawedAt ?? 0) >= THAWED_MS;
    };
    for (const text of this.#promise.advance(world.now, runs)) this.#tell(world, text);
    this.runs = this.#promise.runs;
  }

  #tell(world: World, text: string | undefined): void {
    if (text !== undefined) world.violate(this.name, text);
  }
}
