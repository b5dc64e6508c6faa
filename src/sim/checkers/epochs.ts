/** A group's epoch belongs to one node for ever, and grows with every change of holder. */

import type { Frame, GroupReport } from "../../core/membership/frame.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** Reads what holders say on the wire. */
export class Epochs extends Checker {
  readonly name = "epochs";
  /** Owner of every epoch under which a node said that it serves. */
  readonly #owners = new Map<string, string>();
  /** The last of them, by machine and group; a machine forgets its power, never its epochs. */
  readonly #highest = new Map<string, number>();
  readonly #known = new Map<string, number>();
  /** By machine: the list in its last frame. */
  readonly #latest: (readonly GroupReport[])[] = [];

  override frameSent(world: World, machine: Machine, frame: Frame): void {
    // All frames of one moment have one and the same list.
    if (this.#latest[machine.index] === frame.groups) return;
    this.#latest[machine.index] = frame.groups;
    for (const group of frame.groups) {
      const own = `${frame.incarnation}/${group.name}`;
      const known = this.#known.get(own) ?? -1;
      if (group.epoch < known)
        world.violate(
          this.name,
          `${machine.name} knew epoch ${known} of ${group.name} and now speaks of ${group.epoch}`,
        );
      else if (group.epoch > known) this.#known.set(own, group.epoch);
      if (group.role === "holding" && group.holder === machine.name) this.#hold(world, machine, group);
    }
  }

  #hold(world: World, machine: Machine, group: { name: string; epoch: number }): void {
    this.runs++;
    const key = `${group.name}/${group.epoch}`;
    const owner = this.#owners.get(key);
    if (owner !== undefined && owner !== machine.name) {
      world.violate(this.name, `${machine.name} holds ${group.name} at epoch ${group.epoch}, which was ${owner}'s`);
    }
    this.#owners.set(key, machine.name);
    // Nodes that cannot hear each other cannot count on: growth is promised for what one machine holds.
    const own = `${machine.name}/${group.name}`;
    const highest = this.#highest.get(own) ?? 0;
    // A disk that refused writes and then a loss of power: nobody on that machine can know.
    const isForgiven = machine.disk.hasLostEpochs;
    if (group.epoch < highest && !isForgiven)
      world.violate(this.name, `${machine.name} takes ${group.name} at epoch ${group.epoch}, after ${highest}`);
    this.#highest.set(own, group.epoch);
  }
}
