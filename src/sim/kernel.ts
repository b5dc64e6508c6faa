/**
 * What a machine's kernel keeps when no process runs: set elements with timeouts (the gate) and addresses
 * with lifetimes. It answers for a VIP only while both stand, whatever the daemon thinks.
 */

import type { VipConfig } from "../core/config/cluster.ts";

/** One machine's gate and addresses, by VIP id, as true times at which they end. */
export class Kernel {
  readonly #gate = new Map<string, number>();
  readonly #addresses = new Map<string, number>();

  /** Adds or renews the elements; they vanish by themselves at `until`. */
  open(vip: VipConfig, until: number): void {
    this.#gate.set(vip.id, until);
  }

  close(vip: VipConfig): void {
    this.#gate.delete(vip.id);
  }

  /** Puts the address on its device until then. */
  place(vip: VipConfig, until: number): void {
    this.#addresses.set(vip.id, Math.max(until, this.#addresses.get(vip.id) ?? 0));
  }

  remove(vip: VipConfig): void {
    this.#addresses.delete(vip.id);
  }

  /** True time at which the element ends; 0 when there is none. */
  gateUntil(id: string): number {
    return this.#gate.get(id) ?? 0;
  }

  isPlaced(id: string, now: number): boolean {
    return (this.#addresses.get(id) ?? 0) > now;
  }

  /** Does it answer for the VIP and accept its traffic? */
  serves(id: string, now: number): boolean {
    return this.gateUntil(id) > now && this.isPlaced(id, now);
  }

  /** The machine's clock stands for so long from now on: so do all deadlines that it counts. */
  delay(now: number, ms: number): void {
    for (const deadlines of [this.#gate, this.#addresses]) {
      for (const [id, until] of deadlines) if (until > now) deadlines.set(id, until + ms);
    }
  }

  /** Power loss: all gone. */
  clear(): void {
    this.#gate.clear();
    this.#addresses.clear();
  }
}
