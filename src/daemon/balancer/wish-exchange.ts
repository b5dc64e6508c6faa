/**
 * How all nodes come to the same wishes about members: a change is told to all peers at once, what a peer did not hear
 * is told again with growing pauses, and every node asks every other at its start, when one comes back, and now and then,
 * because a node may have lost its disk. The heart knows nothing of members: this goes over the control channel.
 */

import type { MemberWish, WishBook } from "../../core/balancer/wishes.ts";
import { mergeWishes, NO_WISHES, readWish, wishesToTell } from "../../core/balancer/wishes.ts";
import { MAX_MEMBER_WISHES } from "../../core/base/limits.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import type { WishStore } from "./wish-store.ts";

/** Wishes told in one request, far below the largest body. */
const BATCH = 200;
/** In one conversation: a whole book, and a little more that came meanwhile. */
const MOST_BATCHES = Math.ceil(MAX_MEMBER_WISHES / BATCH) + 5;
/** For one question to one peer. */
const ASK_LIMIT_MS = 1_500;
const PULL_EVERY_MS = 30_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A peer that did not answer for so long is told about; a shorter silence mends itself. */
const WARN_AFTER_MS = 3_000;
/** What one node learned is passed on after this, unless who stated it told everybody already. */
const PASS_ON_MS = 300;
const PATH = "/v1/balancer/wishes";

export interface ExchangeOptions {
  readonly peers: readonly string[];
  readonly store: WishStore;
  readonly ask: (node: string, question: Question) => Promise<PeerAnswer>;
  /** For tests. */
  readonly pullEveryMs?: number;
  readonly firstPauseMs?: number;
  readonly warnAfterMs?: number;
}

export class WishExchange {
  readonly #peers: ReadonlyMap<string, Correspondent>;
  #passOn: NodeJS.Timeout | undefined;

  constructor(options: ExchangeOptions) {
    this.#peers = new Map(options.peers.map((peer) => [peer, new Correspondent(peer, options)]));
  }

  /** Asks everybody what they know, and again now and then. */
  start(): void {
    for (const peer of this.#peers.values()) peer.start();
  }

  /** Tells all peers what they have not heard; the names of those who did not hear it in time. */
  async tell(): Promise<readonly string[]> {
    const heard = await Promise.all([...this.#peers.values()].map((peer) => peer.tell()));
    return [...this.#peers.keys()].filter((_, index) => !heard[index]);
  }

  /** A node came back: it may have missed something, or know something. */
  cameBack(peer: string): void {
    this.#peers.get(peer)?.pullSoon();
  }

  /** A peer told these: it knows them, and perhaps it could not tell everybody. */
  told(peer: string, wishes: readonly MemberWish[]): void {
    this.#peers.get(peer)?.knows(wishes);
    this.#passOn ??= setTimeout(() => {
      this.#passOn = undefined;
      void this.tell();
    }, PASS_ON_MS).unref();
  }

  /** How many wishes each peer that has been silent for a while has not heard; peers that know all are left out. */
  unheard(): ReadonlyMap<string, number> {
    return new Map(
      [...this.#peers].map(([name, peer]) => [name, peer.behind()] as const).filter(([, count]) => count > 0),
    );
  }

  close(): void {
    clearTimeout(this.#passOn);
    for (const peer of this.#peers.values()) peer.close();
  }
}

/** One peer: what it is known to know, and the one conversation with it. */
class Correspondent {
  readonly #peer: string;
  readonly #options: ExchangeOptions;
  #theirs: WishBook = NO_WISHES;
  #mustPull = true;
  #talk: Promise<boolean> | undefined;
  #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** Of its first failure to answer since it answered last. */
  #silentSinceMs: number | undefined;
  #isClosed = false;

  constructor(peer: string, options: ExchangeOptions) {
    this.#peer = peer;
    this.#options = options;
    this.#pauseMs = this.#firstPauseMs;
  }

  start(): void {
    void this.#converse();
  }

  pullSoon(): void {
    this.#mustPull = true;
    void this.#converse();
  }

  /** True when the peer knows everything that is known here now. */
  async tell(): Promise<boolean> {
    // A conversation under way may have said its last word before the newest wish was stated.
    await this.#talk;
    return await this.#converse();
  }

  knows(wishes: readonly MemberWish[]): void {
    this.#theirs = mergeWishes(this.#theirs, wishes).book;
  }

  behind(): number {
    const silentMs = this.#silentSinceMs === undefined ? 0 : performance.now() - this.#silentSinceMs;
    if (silentMs < (this.#options.warnAfterMs ?? WARN_AFTER_MS)) return 0;
    return wishesToTell(this.#options.store.book, this.#theirs).length;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  get #firstPauseMs(): number {
    return this.#options.firstPauseMs ?? FIRST_PAUSE_MS;
  }

  #converse(): Promise<boolean> {
    this.#talk ??= this.#round().finally(() => {
      this.#talk = undefined;
    });
    return this.#talk;
  }

  async #round(): Promise<boolean> {
    if (this.#isClosed) return false;
    clearTimeout(this.#timer);
    let worked = false;
    try {
      if (this.#mustPull) await this.#pull();
      await this.#push();
      worked = true;
      this.#silentSinceMs = undefined;
      this.#pauseMs = this.#firstPauseMs;
    } catch {
      // A silent node is the membership's news; what it missed stands in `unheard`.
      this.#mustPull = true;
      this.#silentSinceMs ??= performance.now();
    }
    this.#again(worked);
    return worked;
  }

  #again(worked: boolean): void {
    if (this.#isClosed) return;
    const pauseMs = worked ? (this.#options.pullEveryMs ?? PULL_EVERY_MS) : this.#pauseMs;
    if (!worked) this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    this.#timer = setTimeout(() => this.pullSoon(), pauseMs);
    this.#timer.unref();
  }

  async #pull(): Promise<void> {
    const told = await this.#ask({ method: "GET", path: PATH, limitMs: ASK_LIMIT_MS });
    this.#theirs = mergeWishes(NO_WISHES, told).book;
    this.#mustPull = false;
    await this.#options.store.take(told);
  }

  async #push(): Promise<void> {
    for (let round = 0; round < MOST_BATCHES; round += 1) {
      const batch = wishesToTell(this.#options.store.book, this.#theirs).slice(0, BATCH);
      if (batch.length === 0) return;
      const newer = await this.#ask({ method: "POST", path: PATH, body: batch, limitMs: ASK_LIMIT_MS });
      this.#theirs = mergeWishes(this.#theirs, [...batch, ...newer]).book;
      await this.#options.store.take(newer);
    }
  }

  /** The peer's wishes in its answer; rejects for anything else. */
  async #ask(question: Question): Promise<readonly MemberWish[]> {
    const { status, body } = await this.#options.ask(this.#peer, question);
    if (status !== 200 || !Array.isArray(body)) throw new Error(`${this.#peer} answered with status ${status}`);
    // A newer version's wishes of another kind are nothing to us.
    return body.flatMap((value) => readWish(value) ?? []);
  }
}
