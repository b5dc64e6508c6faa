/**
 * Keeps virtual addresses on their devices while the core wants them there, open or closed. An address lives
 * at most two seconds behind the gate, so that a daemon that is gone leaves none behind; this renews it, puts
 * it back when somebody removed it, and moves it when its device was recreated.
 */

import type { Instant } from "../../core/base/time.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Device } from "../../host/ports.ts";
import type { Chores } from "./chores.ts";
import { canonical } from "./links.ts";

/** `valid_lft` of an address, in milliseconds: how long a dead daemon's address stays behind its closed gate. */
export const ADDRESS_LIFETIME_MS = 2_000;
/** An address is renewed when its last renewal is so long ago; each one is seen by all who watch addresses, us too. */
export const ADDRESS_RENEWAL_MS = 900;

/** A device that is gone may be about to come back as another one; the core hears of it and decides meanwhile. */
export const DEVICE_PATIENCE_MS = 2_000;

interface Held {
  readonly vip: VipConfig;
  device: string;
  putAt: Instant;
  /** When the kernel takes it away by itself. */
  endsAt: number;
  /** Its device is gone, and that was told. */
  isMissing: boolean;
  /** Puts that were asked for and not yet done. */
  puts: number;
}

export interface HeldOptions {
  readonly chores: Chores;
  now(): Instant;
  /** Device for a VIP now; undefined when there is none. */
  deviceOf(vip: VipConfig): string | undefined;
  /** False while the gate's rules do not stand: no address may be added then. */
  isAllowed(): boolean;
  /** The kernel refused, or there is no device for long. */
  refused(vip: VipConfig, detail: string): void;
  /** Somebody removed it; it is back if that was possible. */
  lost(vip: VipConfig, detail: string): void;
}

/** The addresses that this node wants to have. */
export class HeldAddresses {
  readonly #options: HeldOptions;
  readonly #held = new Map<string, Held>();
  /** VIPs that were wanted while there was no device for them, and since when. */
  readonly #homeless = new Map<string, Instant>();

  constructor(options: HeldOptions) {
    this.#options = options;
  }

  /**
   * Sees to it that the address comes and stays; false when that cannot be (and was reported). What the kernel
   * refuses is reported later.
   */
  hold(vip: VipConfig, now: Instant): boolean {
    const held = this.#held.get(vip.id);
    const device = this.#options.deviceOf(vip);
    if (!this.#options.isAllowed()) {
      this.#options.refused(vip, "the gate's rules do not stand");
      return false;
    }
    if (device === undefined) {
      const since = this.#homeless.get(vip.id) ?? now;
      this.#homeless.set(vip.id, since);
      if (now - since >= DEVICE_PATIENCE_MS) this.#options.refused(vip, `there is no device for ${vip.address}`);
      return false;
    }
    this.#homeless.delete(vip.id);
    if (held !== undefined && !held.isMissing && held.device === device && now - held.putAt < ADDRESS_RENEWAL_MS)
      return true;
    if (held === undefined || held.device !== device || held.puts === 0)
      this.#put({ vip, device, now, lifetimeMs: ADDRESS_LIFETIME_MS });
    return true;
  }

  /** Takes the address away and no longer wants it. */
  release(vip: VipConfig): void {
    const device = this.#held.get(vip.id)?.device ?? this.#options.deviceOf(vip);
    this.#held.delete(vip.id);
    this.#homeless.delete(vip.id);
    if (device === undefined) return;
    this.#options.chores.ask({ kind: "remove", vip, device }, (outcome) => {
      if (!outcome.ok) this.#options.refused(vip, `cannot remove ${vip.address} from ${device}: ${outcome.error}`);
    });
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
      const isThere =
        deviceNamed(held.device)?.addresses.some((a) => canonical(a.address) === canonical(vip.address)) === true;
      const device = this.#options.deviceOf(vip);
      // What is on its way may be newer than what was seen.
      if (device === held.device && (isThere || held.puts > 0)) continue;
      // The kernel took it after its lifetime, while this process did not run: no stranger's doing.
      const isExpired = now >= held.endsAt;
      if (device === undefined) {
        if (!held.isMissing) this.#options.lost(vip, `the device ${held.device} of ${vip.address} is gone`);
        held.isMissing = true;
        continue;
      }
      this.#put({ vip, device, now, lifetimeMs: ADDRESS_LIFETIME_MS });
      const why = replaced.includes(device)
        ? `the device ${device} is another one now`
        : `somebody removed ${vip.address} from ${device}`;
      if (!isExpired) this.#options.lost(vip, `${why}; it is being put back`);
    }
  }

  all(): readonly VipConfig[] {
    return [...this.#held.values()].map((h) => h.vip);
  }

  #put(what: {
    readonly vip: VipConfig;
    readonly device: string;
    readonly now: Instant;
    readonly lifetimeMs: number;
  }): void {
    const { vip, device, now, lifetimeMs } = what;
    const former = this.#held.get(vip.id)?.device;
    if (former !== undefined && former !== device) this.release(vip);
    const held: Held = this.#held.get(vip.id) ?? { vip, device, putAt: now, endsAt: 0, isMissing: false, puts: 0 };
    held.device = device;
    held.putAt = now;
    held.isMissing = false;
    held.puts += 1;
    this.#held.set(vip.id, held);
    this.#options.chores.ask({ kind: "put", vip, device, lifetimeMs }, (outcome) => {
      held.puts -= 1;
      // After a refusal it is still wanted, and tried again when it is due.
      held.endsAt = outcome.ok ? this.#options.now() + lifetimeMs : 0;
      if (!outcome.ok) this.#options.refused(vip, `cannot put ${vip.address} on ${device}: ${outcome.error}`);
    });
  }
}
