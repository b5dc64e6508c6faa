/**
 * Kernel settings of the VIPs' devices: answer ARP only for addresses of the asked device and use only such
 * addresses as ARP sender. Without them a node's second device answers for the first one's addresses. The
 * values found are given back on a clean end.
 */

import { readFileSync, writeFileSync } from "node:fs";

const WANTED = { arp_ignore: 1, arp_announce: 2 } as const;

/** Sets and restores `net.ipv4.conf.DEVICE.arp_*`. */
export class Sysctls {
  readonly #found = new Map<string, string>();

  /** Raises the settings of a device to what is needed; a device without them (gone, or in /proc read-only) is reported. */
  protect(device: string): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    try {
      for (const [name, wanted] of Object.entries(WANTED)) {
        const path = pathOf(device, name);
        const value = readFileSync(path, "utf8").trim();
        // The kernel uses the higher of the device's and the general value; an administrator's stricter one stays.
        if (Number(value) >= wanted) continue;
        if (!this.#found.has(path)) this.#found.set(path, value);
        writeFileSync(path, String(wanted));
      }
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Gives back what was found. Devices that are gone are skipped. */
  restore(): void {
    for (const [path, value] of this.#found) {
      try {
        writeFileSync(path, value);
      } catch {
        // The device is gone, and its settings with it.
      }
    }
    this.#found.clear();
  }
}

function pathOf(device: string, name: string): string {
  if (!/^[^/\s]{1,15}$/.test(device) || device === "." || device === "..")
    throw new Error(`"${device}" is not a device name`);
  return `/proc/sys/net/ipv4/conf/${device}/${name}`;
}
