/**
 * What all checkers share. A checker looks at the pretend kernels and the wire, never at a daemon's opinion
 * of itself where the outside can tell, and counts how often it compared anything: a checker that never ran
 * proves nothing.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { Frame } from "../../core/membership/frame.ts";
import type { AskEffect, DecisionEvent, Effect, ReplyEffect, RunEffect } from "../../core/node/effects.ts";
import type { Input, Verb } from "../../core/node/inputs.ts";
import type { Fault } from "../faults/fault.ts";
import type { Machine } from "../machine.ts";
import type { Observer } from "../observers.ts";
import type { Process } from "../process.ts";
import type { World } from "../world.ts";

/** An answer as the wire saw it; `asked` is the true time of the very question. */
export interface WireAnswer {
  readonly effect: AskEffect;
  readonly mac: string;
  readonly asked: number;
}

/** Where a request went. */
export interface Landed {
  readonly machine: Machine;
  readonly isAccepted: boolean;
}

/** A checker overrides the hooks that it needs and calls `world.violate` when a promise is broken. */
export abstract class Checker {
  abstract readonly name: string;
  /** How often something was compared. */
  runs = 0;

  /** Gates, addresses, power or cables changed; `vip` is undefined when it may be any. */
  servingChanged(_world: World, _vip: VipConfig | undefined): void {}
  /** A kernel was told to serve until this true time. */
  opened(_world: World, _machine: Machine, _vip: VipConfig, _until: number): void {}
  /** A core took a step; asked about one in so many. */
  stepped(_world: World, _machine: Machine, _step: { input: Input; effects: readonly Effect[] }): void {}
  frameSent(_world: World, _machine: Machine, _frame: Frame): void {}
  /** A process reads a frame, just before its core does. */
  frameHeard(_world: World, _process: Process, _frame: Frame): void {}
  /** A process reads an answer, just before its core does. */
  answerHeard(_world: World, _machine: Machine, _answer: WireAnswer): void {}
  /** A client's request reached a machine that it takes for the VIP's; accepted where its kernel serves the VIP. */
  requestLanded(_world: World, _observer: Observer, _vip: VipConfig, _landed: Landed): void {}
  decided(_world: World, _machine: Machine, _event: DecisionEvent): void {}
  /** A daemon runs a command of a service. */
  serviceOrdered(_world: World, _machine: Machine, _effect: RunEffect): void {}
  /** That command is over, and its daemon is told so. */
  serviceEnded(_world: World, _machine: Machine, _effect: RunEffect, _ok: boolean): void {}
  /** A daemon answers an operator. */
  replied(_world: World, _machine: Machine, _verb: Verb, _outcome: ReplyEffect["outcome"]): void {}
  faultBegan(_world: World, _fault: Fault): void {}
  faultEnded(_world: World, _fault: Fault): void {}
  /** An operator gives a command. */
  requested(_world: World, _machine: Machine, _verb: Verb): void {}
  /** All faults are healed and operators' wishes undone. */
  healed(_world: World): void {}
  /** A liveness phase is over, and more faults may follow. */
  settled(_world: World): void {}
  /** The run is over. */
  ended(_world: World): void {}
}

/** Those that listen to a hook which is called for every frame: the others need not be asked so often. */
export function listenersTo(
  hook: "frameSent" | "frameHeard" | "answerHeard",
  checkers: readonly Checker[],
): readonly Checker[] {
  return checkers.filter((checker) => checker[hook] !== Checker.prototype[hook]);
}
