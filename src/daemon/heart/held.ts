/**
 * Keeps virtual addresses on their devices while the core wants them there, open or closed. An address lives
 * at most two seconds behind the gate, so that a daemon that is gone leaves none behind; this renews it, puts
 * it back when somebody removed it, and moves it when its device was recreated.
 */

import type { Instant } from "../../core/base/time.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Addresses, Device } from "../../host/ports.ts";
import { canonical } from "./links.ts";

/** `valid_lft` of an address, in milliseconds: how long a dead daemon's address stays behind its closed gate. */
export const ADDRESS_LIFETIME_MS = 2_000;
/** An address is renewed when its last renewal is so long ago; each one is seen by all who watch addresses, us too. */
export const ADDRESS_RENEWAL_MS = 900;

interface Held {
  readonly vip: VipConfig;
  device: string;
  putAt: Instant;
  /** When the kernel takes it away by itself. */
  endsAt: number;
  /** Its device is gone, and that was told. */
  isMissing: boolean;
}

export interface HeldOptions {
  readonly addresses: Addresses;
  /** Device for a VIP now; undefined when there is none. */
  deviceOf(vip: VipConfig): string | undefined;
  /** False while the gate's rules do not stand: no address may be added then. */
  isAllowed(): boolean;
  /** The kernel refused, or there is no device. */
  refused(vip: VipConfig, detail: string): void;
  /** Somebody removed it; it is back if that was possible. */
  lost(vip: VipConfig, detail: string): void;
}

/** The addresses that this node wants to have. */
export class HeldAddresses {
  readonly #options: HeldOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: HeldOptions) {
    this.#options = options;
  }

  /** Sees to it that the address is there and not old; false when that was refused (and reported). */
  hold(vip: VipConfig, now: Instant): boolean {
    const held = this.#held.get(vip.id);
    const device = this.#options.deviceOf(vip);
    if (!this.#options.isAllowed()) {
      this.#options.refused(vip, "the gate's rules do not stand");
      return false;
    }
    if (device === undefined) {
      this.#options.refused(vip, `no device carries link ${vip.link ?? "?"} now`);
      return false;
    }
    if (held !== undefined && !held.isMissing && held.device === device && now - held.putAt < ADDRESS_RENEWAL_MS) return true;
    return this.#put({ vip, device, now, lifetimeMs: ADDRESS_LIFETIME_MS });
  }

  /** Takes the address away and no longer wants it. */
  release(vip: VipConfig): void {
    const device = this.#held.get(vip.id)?.device ?? this.#options.deviceOf(vip);
    this.#held.delete(vip.id);
    if (device === undefined) return;
    try {
      this.#options.addresses.remove(vip, device);
    } catch (error) {
      this.#options.refused(vip, `cannot remove ${vip.address} from ${device}: ${text(error)}`);
    }
  }

  /** Renews what is due; for addresses whose gate is closed nobody else does. */
  renew(now: Instant): void {
    for (const held of this.#held.values()) {
      if (!held.isMissing && now - held.putAt >= ADDRESS_RENEWAL_MS) this.hold(held.vip, now);
    }
  }

  /** Lets all live for so long without us: this daemon is about to be replaced by its next self. */
  extend(lifetimeMs: number, now: Instant): void {
    for (const { vip, device } of [...this.#held.values()]) this.#put({ vip, device, now, lifetimeMs });
  }

  /** Compares with what the devices have; `replaced` are devices that are others than before under their name. */
  compare(deviceNamed: (name: string) => Device | undefined, replaced: readonly string[], now: Instant): void {
    for (const held of [...this.#held.values()]) {
      const { vip } = held;
      const isThere = deviceNamed(held.device)?.addresses.some((a) => canonical(a.address) === canonical(vip.address)) === true;
      const device = this.#options.deviceOf(vip);
      if (isThere && device === held.device) continue;
      // The kernel took it after its lifetime, while this process did not run: no stranger's doing.
      const isExpired = now >= held.endsAt;
      if (device === undefined) {
        if (!held.isMissing) this.#options.lost(vip, `the device ${held.device} of ${vip.address} is gone`);
        held.isMissing = true;
        continue;
      }
      const isBack = this.#put({ vip, device, now, lifetimeMs: ADDRESS_LIFETIME_MS });
      const why = replaced.includes(device) ? `the device ${device} is another one now` : `somebody removed ${vip.address} from ${device}`;
      if (!isExpired) this.#options.lost(vip, isBack ? `${why}; it was put back` : why);
    }
  }

  all(): readonly VipConfig[] {
    return [...this.#held.values()].map((h) => h.vip);
  }

  #put(what: { readonly vip: VipConfig; readonly device: string; readonly now: Instant; readonly lifetimeMs: number }): boolean {
    const { vip, device, now, lifetimeMs } = what;
    const former = this.#held.get(vip.id)?.device;
    if (former !== undefined && former !== device) this.release(vip);
    let isPut = true;
    try {
      this.#options.addresses.put(vip, device, lifetimeMs);
    } catch (error) {
      isPut = false;
      this.#options.refused(vip, `cannot put ${vip.address} on ${device}: ${text(error)}`);
    }
    // Also after a refusal it is wanted, and tried again when it is due.
    this.#held.set(vip.id, { vip, device, putAt: now, endsAt: isPut ? now + lifetimeMs : 0, isMissing: false });
    return isPut;
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
