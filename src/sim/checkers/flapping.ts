/** Moves are paid for by what happened: faults that begin or end, and operators' commands. */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { Verb } from "../../core/node/inputs.ts";
import { Flapping } from "../../promises/flapping.ts";
import type { Fault } from "../faults/fault.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** A takeover, and a way home: more than that no single thing may cause. */
const MOVES_PER_CAUSE = 2;
/** A cable that loses packets for long may be believed well, and given up, more than once. */
const MOVE_EVERY_MS = 2_000;
/** Beyond the initial wait: boot, retries of starts, a failback that waits, each less preferred node's turn. */
const REACTION_MS = 8_000;

export class NoFlapping extends Checker {
  readonly name = "flapping";
  readonly #last = new Map<string, string>();
  #promise: Flapping | undefined;

  override faultBegan(world: World, fault: Fault): void {
    this.#of(world).began(world.now, fault);
  }

  override faultEnded(world: World, fault: Fault): void {
    this.#of(world).ended(world.now, fault);
  }

  override requested(world: World, _machine: Machine, _verb: Verb): void {
    this.#of(world).cause(world.now);
  }

  override healed(world: World): void {
    this.#of(world).cause(world.now);
  }

  override servingChanged(world: World, changed: VipConfig | undefined): void {
    if (changed !== undefined) this.#look(world, changed);
    else for (const vip of world.vips) this.#look(world, vip);
  }

  #look(world: World, vip: VipConfig): void {
    const last = this.#last.get(vip.id);
    let server: string | undefined;
    for (const machine of world.machines) {
      if (!machine.serves(vip)) continue;
      if (machine.name === last) return;
      server ??= machine.name;
    }
    if (server === undefined) return;
    this.#last.set(vip.id, server);
    if (last === undefined) return;
    const broken = this.#of(world).moved({ at: world.now, group: vip.id, from: last, to: server });
    this.runs = this.#of(world).runs;
    if (broken !== undefined) world.violate(this.name, broken);
  }

  #of(world: World): Flapping {
    this.#promise ??= new Flapping({
      perCause: MOVES_PER_CAUSE,
      everyMs: MOVE_EVERY_MS,
      reactionMs: REACTION_MS + world.config.heartbeat.initialWaitMs,
    });
    return this.#promise;
  }
}
