/**
 * The questions that a node puts to its segments: gateways, so that evidence never runs dry while it serves;
 * other nodes' kernels, to learn their hardware addresses and, where no gateway is, to see that the segment
 * still reaches us.
 */

import { after, earlier, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { Group } from "./group.ts";
import { restsOn, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** Hardware addresses of the other nodes are asked for so often. */
const LEARN_EVERY_MS = 10_000;

/** What is going on on one link. */
interface LinkState {
  readonly doubt: boolean;
  /** When there will be doubt, if nothing is heard until then. */
  readonly doubtAt: Instant;
  readonly serving: boolean;
}

export class Asking {
  private readonly s: Surroundings;
  private readonly groups: ReadonlyMap<string, Group>;
  private readonly learnAt: Instant[];
  private readonly kernelAskAt: Instant[];
  /** Time alone changes nothing here before this. */
  dueAt: Instant = LONG_AGO;
  private wake: Instant = LONG_AGO;

  constructor(surroundings: Surroundings, groups: ReadonlyMap<string, Group>) {
    this.s = surroundings;
    this.groups = groups;
    this.learnAt = surroundings.segments.map(() => LONG_AGO);
    this.kernelAskAt = surroundings.segments.map(() => LONG_AGO);
  }

  /** A link came up or a node appeared: learn its hardware address soon, and whether a lost gateway is back. */
  learn(link: number): void {
    this.dueAt = LONG_AGO;
    this.s.segments[link]?.askSoon();
    this.learnAt[link] = after(this.kernelAskAt[link] ?? LONG_AGO, this.s.timing.askMs * 2);
  }

  /** Asks what is due, and takes down when that is next, or may be sooner by time alone. */
  settle(turn: Turn): void {
    this.wake = NEVER;
    this.dueAt = NEVER;
    for (const [link, segment] of this.s.segments.entries()) {
      if (this.s.interfaces[link]?.up !== true) continue;
      const state = this.state(link, turn.now);
      if (turn.now >= segment.askAt(turn.now, state)) {
        for (const address of segment.gateways) turn.emit({ kind: "ask", link, probe: "arp", address, mac: undefined });
        if (segment.asked(turn.now)) {
          turn.urgent = true;
          turn.event("GATEWAY_LOST", { severity: "warning", node: this.s.me, link });
        }
      }
      if (turn.now >= this.peersAt(link, state, segment.gatewayUp)) this.askPeers(turn, link);
      const askAt = earlier(segment.askAt(turn.now, state), this.peersAt(link, state, segment.gatewayUp));
      this.wake = earlier(this.wake, askAt);
      this.dueAt = earlier(this.dueAt, segment.moreUrgentAt(turn.now, state));
    }
    this.dueAt = earlier(this.dueAt, this.wake);
  }

  /** When `settle` asks for something next, as far as is known now. */
  wakeAt(): Instant {
    return this.wake;
  }

  private peersAt(link: number, state: LinkState, gatewayUp: boolean): Instant {
    const learn = this.learnAt[link] ?? LONG_AGO;
    if (gatewayUp || !(state.doubt || state.serving)) return learn;
    return earlier(learn, after(this.kernelAskAt[link] ?? LONG_AGO, this.s.timing.askMs * 2));
  }

  private askPeers(turn: Turn, link: number): void {
    this.learnAt[link] = after(turn.now, LEARN_EVERY_MS);
    this.kernelAskAt[link] = turn.now;
    for (const node of this.s.config.nodes) {
      const address = node.addresses[link];
      if (node.name === this.s.me || address === undefined) continue;
      turn.emit({ kind: "ask", link, probe: "arp", address, mac: undefined });
    }
  }

  private state(link: number, now: Instant): LinkState {
    let doubtAt = NEVER;
    for (const peer of this.s.roster.peers.values()) {
      const path = peer.links[link];
      if (path !== undefined && path.up) doubtAt = earlier(doubtAt, after(path.heardAt, this.s.timing.lateMs));
    }
    let serving = false;
    for (const group of this.groups.values()) {
      if (!restsOn(group.vips, link)) continue;
      if (group.claiming !== undefined || group.role === "lapsed") doubtAt = LONG_AGO;
      // While services start, evidence must stay fresh as well: the gate opens right after.
      if (group.role !== "holding" && group.role !== "starting") continue;
      // Without addresses any one network is enough, so a gateway that is lost is not waited for.
      serving ||= group.vips.length > 0 || this.s.segments[link]?.gatewayUp === true;
    }
    return { doubt: now >= doubtAt, doubtAt, serving };
  }
}
