/**
 * A group is served, also while faults go on elsewhere: when for a stated time nothing new happened and a node that
 * may hold it was well and connected all that time, somebody whom clients reach must be serving it.
 */

import type { GroupConfig, VipConfig } from "../../core/config/cluster.ts";
import type { Verb } from "../../core/node/inputs.ts";
import type { Fault } from "../faults/fault.ts";
import { isMachineAction } from "../faults/machine-actions.ts";
import { CONFIG_HASH, type Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** Beyond the initial wait: boot, a lease, every less preferred node's turn, starts that are tried again. */
const BOUND_MS = 6_000;

export class ServedMeanwhile extends Checker {
  readonly name = "served meanwhile";
  readonly #active = new Set<Fault>();
  #disturbedAt = 0;
  #isLooking = false;
  #maintenance = false;
  /** Services misbehaved here: bars may stand until an operator clears them. */
  #wereServicesIll = false;

  override faultBegan(world: World, fault: Fault): void {
    this.#active.add(fault);
    if (fault.action.kind.startsWith("service")) this.#wereServicesIll = true;
    this.#disturbed(world);
  }

  override faultEnded(world: World, fault: Fault): void {
    this.#active.delete(fault);
    this.#disturbed(world);
  }

  override requested(world: World, _machine: Machine, verb: Verb): void {
    if (verb.verb === "maintenance") this.#maintenance ||= verb.on;
    this.#disturbed(world);
  }

  override settled(): void {
    // Operators have undone what they wished.
    this.#maintenance = false;
    this.#wereServicesIll = false;
  }

  #disturbed(world: World): void {
    this.#disturbedAt = world.now;
    if (this.#isLooking) return;
    this.#isLooking = true;
    const boundMs = BOUND_MS + world.config.heartbeat.initialWaitMs;
    const look = () => {
      const dueAt = this.#disturbedAt + boundMs;
      if (world.now < dueAt) {
        world.timeline.at(dueAt, look);
        return;
      }
      this.#isLooking = false;
      this.#look(world);
    };
    world.timeline.at(world.now + boundMs, look);
  }

  #look(world: World): void {
    // What is wrong with the network itself may be beyond what any node can mend.
    if (world.machines.some(({ process }) => process !== undefined && process.configHash !== CONFIG_HASH)) return;
    if (this.#maintenance || [...this.#active].some(({ action }) => !isMachineAction(action))) return;
    for (const group of world.config.groups) {
      const hasServices = group.resources.some((resource) => resource.kind === "service");
      if (hasServices && this.#wereServicesIll) continue;
      const vips = group.resources.filter((resource) => resource.kind === "vip");
      const well = world.machines.find((machine) => isWell(world, machine, group, vips));
      if (well === undefined) continue;
      for (const vip of vips) this.#demand(world, vip, well);
    }
  }

  #demand(world: World, vip: VipConfig, well: Machine): void {
    this.runs++;
    if (world.serving(vip).some((machine) => world.isReachable(machine, vip))) return;
    const quietMs = world.now - this.#disturbedAt;
    world.violate(
      this.name,
      `nobody whom clients reach serves ${vip.id}, although nothing happened for ${quietMs.toFixed(0)} ms and ${well.name} is well`,
    );
  }
}

/** May it hold the group, as far as anybody outside can tell? */
function isWell(world: World, machine: Machine, group: GroupConfig, vips: readonly VipConfig[]): boolean {
  const { process } = machine;
  if (!machine.isPowered || machine.isPaused || !machine.shouldRun || machine.isGateBroken) return false;
  if (process === undefined || !process.alive || process.frozenSince !== undefined || process.isStalled) return false;
  if (machine.lastMode !== "online" || !group.prefer.includes(machine.name)) return false;
  if (machine.serviceMood !== "well" || machine.isMonitorDown) return false;
  return vips.every((vip) => world.isReachable(machine, vip));
}
