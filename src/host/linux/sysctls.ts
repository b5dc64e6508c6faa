/**
 * Kernel settings of the VIPs' devices: answer ARP only for addresses of the asked device and use only such
 * addresses as ARP sender. Without them a node's second device answers for the first one's addresses. The
 * values found are given back on a clean end. They are kept in a file too, because who ends may not be who began: a
 * next self finds the raised values and must not take them for the administrator's, and after a crash the stop
 * hook gives them back.
 */

import { readFileSync, rmSync, writeFileSync } from "node:fs";

const WANTED = { arp_ignore: 1, arp_announce: 2 } as const;
type Setting = keyof typeof WANTED;

export interface SysctlOptions {
  /** File that keeps what was found; without one only this object knows. */
  readonly record?: string | undefined;
  /** Where the kernel shows the settings of IPv4 devices. */
  readonly folder?: string;
}

/** Sets and restores `net.ipv4.conf.DEVICE.arp_*`. */
export class Sysctls {
  readonly #record: string | undefined;
  readonly #folder: string;
  /** Values before ours, by `DEVICE/SETTING`. */
  readonly #found: Map<string, string>;

  constructor({ record, folder = "/proc/sys/net/ipv4/conf" }: SysctlOptions = {}) {
    this.#record = record;
    this.#folder = folder;
    this.#found = new Map(record === undefined ? [] : readRecord(record));
  }

  /** Raises the settings of a device to what is needed; a device without them (gone, or in /proc read-only) is reported. */
  protect(device: string): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    try {
      if (!isDevice(device)) throw new Error(`"${device}" is not a device name`);
      for (const [setting, wanted] of Object.entries(WANTED)) {
        const path = `${this.#folder}/${device}/${setting}`;
        const value = readFileSync(path, "utf8").trim();
        // The kernel uses the higher of the device's and the general value; an administrator's stricter one stays.
        if (Number(value) >= wanted) continue;
        this.#remember(`${device}/${setting}`, value);
        writeFileSync(path, String(wanted));
      }
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Gives back what was found. Devices that are gone are skipped, and so is what somebody else set meanwhile. */
  restore(): void {
    for (const [name, value] of this.#found) {
      const path = `${this.#folder}/${name}`;
      const wanted = WANTED[name.split("/")[1] as Setting];
      try {
        if (Number(readFileSync(path, "utf8")) === wanted) writeFileSync(path, value);
      } catch {
        // The device is gone, and its settings with it.
      }
    }
    this.#found.clear();
    if (this.#record !== undefined) rmSync(this.#record, { force: true });
  }

  /** Before it is changed: a crash in between loses nothing. */
  #remember(name: string, value: string): void {
    if (this.#found.has(name)) return;
    this.#found.set(name, value);
    if (this.#record === undefined) return;
    try {
      writeFileSync(this.#record, JSON.stringify([...this.#found]), { mode: 0o600 });
    } catch {
      // To protect the device is worth more; this self still knows.
    }
  }
}

/** What an earlier self found; nothing when there is no such file or it cannot be read. */
function readRecord(file: string): [string, string][] {
  try {
    const entries = JSON.parse(readFileSync(file, "utf8")) as [string, string][];
    return entries.filter(([name, value]) => {
      const [device = "", setting = "", ...more] = name.split("/");
      return isDevice(device) && Object.hasOwn(WANTED, setting) && more.length === 0 && /^\d$/.test(value);
    });
  } catch {
    return [];
  }
}

function isDevice(name: string): boolean {
  return /^[^/\s]{1,15}$/.test(name) && name !== "." && name !== "..";
}
