/**
 * Before a node opens a VIP it asks the wire who has it. As long as a cluster node's hardware address
 * answers, the VIP is not taken. One trap is known: some networks answer ARP for the dead. So after the
 * holder's lease is over, an ARP answer must be borne out by a second kind of probe (ICMP echo to the same
 * hardware address), else that hardware address is not believed.
 */

import { after, LONG_AGO, type Instant } from "../base/time.ts";

/** Questions in a row that must stay unanswered before the VIP counts as free. */
const QUIET_QUESTIONS = 4;
/** An answer may take so long; a younger question does not count as unanswered. */
const ANSWER_WITHIN_MS = 5;
/** Echo requests that must stay unanswered before an ARP answer is not believed. */
const QUIET_ECHOES = 3;
const ECHO_EVERY_MS = 10;
/** An answer counts as recent for so long. */
const RECENT_MS = 100;
/** Send times kept of each kind. */
const MAX_REMEMBERED = 32;

/** What the wire says about one VIP while this node wants to take it. */
export class VipProbe {
  /** Send times of questions that nobody answered since the last believed answer. */
  private asked: Instant[] = [];
  private nextAskAt: Instant = LONG_AGO;
  /** Cluster node and hardware address that last answered, believed or not. */
  private answerer: { readonly node: string; readonly mac: string; readonly at: Instant } | undefined;
  /** Send times of echo requests since the last answer to one. */
  private echoes: Instant[] = [];
  private nextEchoAt: Instant = LONG_AGO;
  /** Hardware addresses whose ARP answers are not believed at present. */
  private readonly disbelieved: Set<string> = new Set();

  /** True when a question is due; counts it as asked. */
  ask(now: Instant, everyMs: number): boolean {
    if (now < this.nextAskAt) return false;
    this.nextAskAt = after(now, everyMs);
    remember(this.asked, now);
    return true;
  }

  /**
   * Hardware address that must be asked by an echo request now, because it answered ARP; counts it as sent.
   * It is asked for as long as it answers ARP, believed or not: its gate may open again.
   */
  askEcho(now: Instant): string | undefined {
    const answerer = this.answerer;
    if (answerer === undefined || now - answerer.at > RECENT_MS || now < this.nextEchoAt) return undefined;
    this.nextEchoAt = after(now, ECHO_EVERY_MS);
    remember(this.echoes, now);
    return answerer.mac;
  }

  /** A cluster node's hardware address answered an ARP/NDP question. */
  answered(answer: { node: string; mac: string; now: Instant }): void {
    if (answer.mac !== this.answerer?.mac) this.echoes = [];
    this.answerer = { node: answer.node, mac: answer.mac, at: answer.now };
    if (!this.disbelieved.has(answer.mac)) this.asked = [];
  }

  /** The hardware address answered an echo request too: it really serves the VIP. */
  echoed(answer: { node: string; mac: string; now: Instant }): void {
    this.asked = [];
    this.echoes = [];
    this.disbelieved.delete(answer.mac);
    this.answerer = { node: answer.node, mac: answer.mac, at: answer.now };
  }

  /** Stops believing a hardware address that answers ARP but no echo; returns it when that happens now. */
  judgeEchoes(): { node: string; mac: string } | undefined {
    const answerer = this.answerer;
    if (answerer === undefined || this.disbelieved.has(answerer.mac)) return undefined;
    const quiet = this.echoes.filter((at) => answerer.at - at >= ECHO_EVERY_MS).length;
    if (quiet < QUIET_ECHOES) return undefined;
    this.disbelieved.add(answerer.mac);
    return answerer;
  }

  /** Does this hardware address answer ARP, and no echo? */
  disbelieves(mac: string): boolean {
    return this.disbelieved.has(mac);
  }

  /** Node and hardware address that answered lately and is believed. */
  believed(now: Instant): { readonly node: string; readonly mac: string } | undefined {
    const answerer = this.answerer;
    if (answerer === undefined || now - answerer.at > RECENT_MS) return undefined;
    return this.disbelieved.has(answerer.mac) ? undefined : answerer;
  }

  /**
   * Nobody who counts has answered the last few questions. Only questions that the segment carried count:
   * those between `since` and `until`, when what we sent is known to have arrived.
   */
  quiet(now: Instant, carried: { since: Instant; until: Instant }): boolean {
    const counting = this.asked.filter(
      (at) => now - at >= ANSWER_WITHIN_MS && at >= carried.since && at <= carried.until,
    );
    return counting.length >= QUIET_QUESTIONS;
  }

  /** When the next question or the next verdict is due. */
  wakeAt(now: Instant): Instant {
    const youngest = this.asked.at(-1);
    const verdict = youngest === undefined ? now : after(youngest, ANSWER_WITHIN_MS);
    return verdict > now && verdict < this.nextAskAt ? verdict : this.nextAskAt;
  }
}

function remember(times: Instant[], now: Instant): void {
  times.push(now);
  if (times.length > MAX_REMEMBERED) times.shift();
}
