/**
 * Telling the segment where a group's VIPs are, and looking where they are. The holder announces at once and
 * again, because one lost packet must not leave a client with an old neighbour entry. The others ask for the
 * VIPs after each change of holder and report whose hardware address answered: that is how a takeover is
 * verified by somebody else's eyes.
 */

import { after, earlier, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { VipConfig } from "../config/cluster.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** Announcements after a takeover, in milliseconds since its beginning. */
const ANNOUNCE_AT_MS = [0, 20, 100, 300, 1_000, 2_000, 5_000];
/** A node that looks for a VIP asks so often, and so many times. */
const LOOK_EVERY_MS = 20;
const LOOK_TIMES = 10;

/** What is needed of a group. */
export interface Announced {
  readonly role: string;
  readonly epoch: number;
  readonly config: { readonly name: string };
}

export class Announcing {
  /** Node whose hardware address last answered for the group's first VIP. */
  seen: string | undefined;
  private readonly group: string;
  private readonly vips: readonly VipConfig[];
  private readonly s: Surroundings;
  private begunAt: Instant = LONG_AGO;
  private nextIndex = ANNOUNCE_AT_MS.length;
  private lookAt: Instant = NEVER;
  private looksLeft = 0;
  private verified = true;

  constructor(group: string, vips: readonly VipConfig[], surroundings: Surroundings) {
    this.group = group;
    this.vips = vips;
    this.s = surroundings;
  }

  /** The group is served here from now on. */
  begin(now: Instant): void {
    if (this.vips.length === 0) return;
    this.begunAt = now;
    this.nextIndex = 0;
    this.verified = false;
    this.seen = undefined;
    this.looksLeft = 0;
    this.lookAt = NEVER;
  }

  /** It is still served here, and somebody may have missed that. */
  again(now: Instant): void {
    if (this.vips.length === 0) return;
    this.begunAt = now;
    this.nextIndex = 0;
  }

  /** The group is not served here any more. */
  stop(): void {
    this.nextIndex = ANNOUNCE_AT_MS.length;
    this.verified = true;
  }

  /** Somebody else took the group: look whose hardware address answers. */
  lookFor(now: Instant): void {
    if (this.vips.length === 0) return;
    this.seen = undefined;
    this.looksLeft = LOOK_TIMES;
    this.lookAt = now;
  }

  /** A node's hardware address answered for a VIP of the group; true when that is news. */
  answered(node: string): boolean {
    const news = this.seen !== node;
    this.seen = node;
    return news;
  }

  settle(turn: Turn, group: Announced): void {
    if (group.role === "holding") this.announceDue(turn);
    this.lookDue(turn);
    if (group.role === "holding" && !this.verified) this.verify(turn, group);
  }

  wakeAt(): Instant {
    const dueMs = ANNOUNCE_AT_MS[this.nextIndex];
    const announce = dueMs === undefined ? NEVER : after(this.begunAt, dueMs);
    return earlier(announce, this.looksLeft > 0 ? this.lookAt : NEVER);
  }

  private announceDue(turn: Turn): void {
    const dueMs = ANNOUNCE_AT_MS[this.nextIndex];
    if (dueMs === undefined || turn.now < this.begunAt + dueMs) return;
    turn.emit({ kind: "announce", vips: this.vips });
    while ((ANNOUNCE_AT_MS[this.nextIndex] ?? Number.POSITIVE_INFINITY) <= turn.now - this.begunAt) this.nextIndex++;
  }

  private lookDue(turn: Turn): void {
    if (this.looksLeft === 0 || turn.now < this.lookAt) return;
    this.looksLeft = this.seen === undefined ? this.looksLeft - 1 : 0;
    this.lookAt = after(turn.now, LOOK_EVERY_MS);
    const vip = this.vips[0];
    if (vip === undefined || this.looksLeft === 0) return;
    turn.emit({ kind: "ask", link: linkOf(vip), probe: "arp", address: vip.address, mac: undefined });
  }

  private verify(turn: Turn, group: Announced): void {
    for (const peer of this.s.roster.peers.values()) {
      const report = peer.reports.get(this.group);
      if (!peer.alive || report?.epoch !== group.epoch || report.seen !== this.s.me) continue;
      this.verified = true;
      const facts = { witness: peer.name, afterMs: Math.round(turn.now - this.begunAt), epoch: group.epoch };
      turn.event("GROUP_TAKEN_VERIFIED", { group: this.group, node: this.s.me, facts });
      return;
    }
  }
}
