/**
 * What a host remembers about whose hardware address has an address, as Linux does it: learned from answers, changed
 * by announcements of addresses that it knows already, believed for a time after each confirmation, and asked for
 * again, first of the remembered hardware address alone, when doubt has lasted. See arp(7), RFC 4861 section 7.3.
 */

/** In milliseconds. */
export interface NeighbourTimes {
  /** Believed without doubt for so long after a confirmation. */
  readonly reachableMs: number;
  /** From the first use in doubt until it is asked for. */
  readonly delayMs: number;
  /** Between two questions. */
  readonly retransMs: number;
}

/** The kernel's defaults: base_reachable_time, delay_first_probe_time, retrans_time. */
export const LINUX_TIMES: NeighbourTimes = { reachableMs: 30_000, delayMs: 5_000, retransMs: 1_000 };

/** Questions to the remembered hardware address before everybody is asked (ucast_solicit). */
const UNICAST_TRIES = 3;
/** An answer that contradicts a younger entry is ignored (locktime); announcements are not. */
const LOCK_MS = 1_000;
const NEVER_CONFIRMED = Number.NEGATIVE_INFINITY;

interface Neighbour {
  mac: string;
  updatedAt: number;
  confirmedAt: number;
  /** First use in doubt; undefined while there is none. */
  doubtAt: number | undefined;
  tries: number;
  triedAt: number;
}

/** Where a packet goes, and what is asked before. */
export interface Lookup {
  readonly mac: string | undefined;
  /** Hardware address to ask, or everybody; undefined when nothing needs to be asked now. */
  readonly ask: string | undefined;
}

export const EVERYBODY = "ff:ff:ff:ff:ff:ff";

/** One host's entries, by address. */
export class NeighbourCache {
  readonly #times: NeighbourTimes;
  readonly #entries = new Map<string, Neighbour>();
  readonly #askedAt = new Map<string, number>();

  constructor(times: NeighbourTimes) {
    this.#times = times;
  }

  /** Hardware address that it believes now. */
  mac(address: string): string | undefined {
    return this.#entries.get(address)?.mac;
  }

  /** A packet goes out now: to whom, and does that need a question? */
  use(address: string, now: number): Lookup {
    const entry = this.#entries.get(address);
    if (entry === undefined) return { mac: undefined, ask: this.#mayAsk(address, now) };
    const { mac } = entry;
    if (now - entry.confirmedAt < this.#times.reachableMs) return { mac, ask: undefined };
    entry.doubtAt ??= now;
    if (now - entry.doubtAt < this.#times.delayMs || now - entry.triedAt < this.#times.retransMs)
      return { mac, ask: undefined };
    if (entry.tries >= UNICAST_TRIES) {
      this.#entries.delete(address);
      return { mac: undefined, ask: this.#mayAsk(address, now) };
    }
    entry.tries++;
    entry.triedAt = now;
    return { mac, ask: mac };
  }

  /** Somebody answered a question of this host. */
  answered(address: string, mac: string, now: number): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) this.#entries.set(address, { ...freshEntry(mac, now), confirmedAt: now });
    else if (entry.mac === mac) this.confirmed(address, mac, now);
    else if (now - entry.updatedAt >= LOCK_MS)
      this.#entries.set(address, { ...freshEntry(mac, now), confirmedAt: now });
  }

  /** Gratuitous ARP, or an unsolicited advertisement with the override flag: changes what is there, adds nothing. */
  announced(address: string, mac: string, now: number): void {
    const entry = this.#entries.get(address);
    if (entry !== undefined && entry.mac !== mac) this.#entries.set(address, freshEntry(mac, now));
  }

  /** What was sent there was answered from there. */
  confirmed(address: string, mac: string, now: number): void {
    const entry = this.#entries.get(address);
    if (entry?.mac !== mac) return;
    entry.confirmedAt = now;
    entry.doubtAt = undefined;
    entry.tries = 0;
  }

  #mayAsk(address: string, now: number): string | undefined {
    if (now - (this.#askedAt.get(address) ?? NEVER_CONFIRMED) < this.#times.retransMs) return undefined;
    this.#askedAt.set(address, now);
    return EVERYBODY;
  }
}

/** Known, and doubted at the next use. */
function freshEntry(mac: string, now: number): Neighbour {
  return {
    mac,
    updatedAt: now,
    confirmedAt: NEVER_CONFIRMED,
    doubtAt: undefined,
    tries: 0,
    triedAt: NEVER_CONFIRMED,
  };
}
