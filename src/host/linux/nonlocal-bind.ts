/**
 * Lets programs listen on addresses that this node does not have now (a VIP at another node), for both families: the
 * only way for an engine that cannot ask for it socket by socket. What was found is kept in a file until it is given
 * back, because who gives it back may not be who changed it.
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const SETTINGS = ["ipv4/ip_nonlocal_bind", "ipv6/ip_nonlocal_bind"] as const;

export interface NonlocalBindOptions {
  /** File that keeps what was found. */
  readonly record: string;
  /** Where the kernel shows network settings. */
  readonly folder?: string;
}

/** Sets and restores `net.ipv4.ip_nonlocal_bind` and `net.ipv6.ip_nonlocal_bind`. */
export class NonlocalBind {
  readonly #record: string;
  readonly #folder: string;

  constructor({ record, folder = "/proc/sys/net" }: NonlocalBindOptions) {
    this.#record = record;
    this.#folder = folder;
  }

  /** Allows it; a family that the kernel lacks is skipped, one that cannot be changed is reported. */
  allow(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    const found = new Map(this.#found());
    try {
      for (const name of SETTINGS) {
        const path = `${this.#folder}/${name}`;
        if (!existsSync(path)) continue;
        const value = readFileSync(path, "utf8").trim();
        if (value === "1") continue;
        // Written down before it is changed: a crash in between loses nothing.
        if (!found.has(name)) found.set(name, value);
        writeFileSync(this.#record, JSON.stringify([...found]), { mode: 0o600 });
        writeFileSync(path, "1");
      }
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Gives back what was found; what somebody else set meanwhile stays. */
  restore(): void {
    for (const [name, value] of this.#found()) {
      const path = `${this.#folder}/${name}`;
      try {
        if (readFileSync(path, "utf8").trim() === "1") writeFileSync(path, value);
      } catch {
        // The family is gone, or may not be changed any more.
      }
    }
    rmSync(this.#record, { force: true });
  }

  #found(): readonly (readonly [name: string, value: string])[] {
    try {
      const entries = JSON.parse(readFileSync(this.#record, "utf8")) as [string, string][];
      return entries.filter(([name, value]) => (SETTINGS as readonly string[]).includes(name) && /^\d$/.test(value));
    } catch {
      return [];
    }
  }
}
