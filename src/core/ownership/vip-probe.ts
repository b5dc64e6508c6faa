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

/** What the wire says about one VIP while this node wants to take it. */
export class VipProbe {
  /** Send times of questions that nobody answered since the last believed answer. */
  #asked: Instant[] = [];
  #nextAskAt: Instant = LONG_AGO;
  /** Cluster node and hardware address that last answered. */
  answeredBy: { readonly node: string; readonly mac: string; readonly at: Instant } | undefined;
  #echoes: Instant[] = [];
  #nextEchoAt: Instant = LONG_AGO;
  /** Hardware addresses whose ARP answers are no longer believed. */
  readonly disbelieved: Set<string> = new Set();

  /** True when a question is due; counts it as asked. */
  ask(now: Instant, everyMs: number): boolean {
    if (now < this.#nextAskAt) return false;
    this.#nextAskAt = after(now, everyMs);
    this.#asked.push(now);
    if (this.#asked.length > QUIET_QUESTIONS * 8) this.#asked.shift();
    return true;
  }

  /** True when an echo request to the hardware address that answers is due; counts it as sent. */
  askEcho(now: Instant): boolean {
    if (now < this.#nextEchoAt) return false;
    this.#nextEchoAt = after(now, ECHO_EVERY_MS);
    this.#echoes.push(now);
    return true;
  }

  /** A cluster node's hardware address answered an ARP/NDP question. */
  answered(answer: { node: string; mac: string; now: Instant }): void {
    if (this.disbelieved.has(answer.mac)) return;
    this.#asked = [];
    this.answeredBy = { node: answer.node, mac: answer.mac, at: answer.now };
  }

  /** The hardware address answered an echo request too: it really serves the VIP. */
  echoed(answer: { node: string; mac: string; now: Instant }): void {
    this.#asked = [];
    this.#echoes = [];
    this.disbelieved.delete(answer.mac);
    this.answeredBy = { node: answer.node, mac: answer.mac, at: answer.now };
  }

  /** Stops believing a hardware address that answers ARP but no echo; returns it when that happens now. */
  judgeEchoes(now: Instant): { node: string; mac: string } | undefined {
    const answerer = this.answeredBy;
    if (answerer === undefined || this.disbelieved.has(answerer.mac)) return undefined;
    const quiet = this.#echoes.filter((at) => now - at >= ECHO_EVERY_MS).length;
    if (quiet < QUIET_ECHOES) return undefined;
    this.disbelieved.add(answerer.mac);
    this.answeredBy = undefined;
    this.#echoes = [];
    return answerer;
  }

  /** Nobody who counts has answered the last few questions. */
  quiet(now: Instant): boolean {
    return this.#asked.filter((at) => now - at >= ANSWER_WITHIN_MS).length >= QUIET_QUESTIONS;
  }

  /** When the next question or the next verdict is due. */
  wakeAt(now: Instant): Instant {
    const youngest = this.#asked.at(-1);
    const verdict = youngest === undefined ? now : after(youngest, ANSWER_WITHIN_MS);
    return verdict > now && verdict < this.#nextAskAt ? verdict : this.#nextAskAt;
  }
}
