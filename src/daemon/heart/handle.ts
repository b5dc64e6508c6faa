/**
 * The main thread's side of the heart: starts the worker, feeds it, matches answers with questions. When the
 * worker ends without having been asked to, that is fatal, and the daemon ends: the heart's leases lapse, and
 * a daemon without a heart must not look alive.
 */

import { Worker } from "node:worker_threads";
import { MAX_WAITING_REQUESTS } from "../../core/base/limits.ts";
import type { ReplyEffect } from "../../core/node/effects.ts";
import type { Verb } from "../../core/node/inputs.ts";
import type { NodeView } from "../../core/node/view.ts";
import { FEED_INTERVAL_MS, type FromHeart, type HeartOptions, type ToHeart } from "./messages.ts";

/** Messages of the heart that the daemon acts on; answers to questions are matched here. */
export type HeartNews = Exclude<FromHeart, { readonly kind: "view" | "reply" }>;

/** A running heart, seen from the main thread. */
export interface Heart {
  /** Asks the core; rejects when the heart ended meanwhile or too many requests wait. */
  request(request: Verb): Promise<ReplyEffect["outcome"]>;
  /** The core's state now; rejects when the heart ended meanwhile or does not answer within two seconds. */
  view(): Promise<NodeView>;
  /** Sends a message; lost when the heart ended. */
  post(message: ToHeart): void;
  /** Calls back for every message of this kind; register in the turn that started the heart to miss none. */
  on<K extends HeartNews["kind"]>(kind: K, listener: (message: Extract<HeartNews, { readonly kind: K }>) => void): void;
  /** Closes all gates, removes addresses and rules and ends the thread; resolves when it is over, after 3 s at the latest. */
  end(): Promise<void>;
}

const VIEW_LIMIT_MS = 2_000;
const END_LIMIT_MS = 3_000;

interface Waiting {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** Starts the heart in a thread of its own; `entry` is the thread's program without its ending, for tests. */
export function startHeart(options: HeartOptions, entry = "heart"): Heart {
  // Sources run as they are, compiled files beside their like: the ending is this file's own.
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new WorkerHeart(
    new Worker(new URL(`./${entry}.${ending}`, import.meta.url), { workerData: options, name: "heart" }),
  );
}

class WorkerHeart implements Heart {
  readonly #worker: Worker;
  readonly #listeners = new Map<string, ((message: never) => void)[]>();
  readonly #requests = new Map<number, Waiting>();
  readonly #views = new Map<number, Waiting>();
  readonly #feeding: NodeJS.Timeout;
  readonly #gone: Promise<void>;
  #lastId = 0;
  #isEnding = false;
  #isGone = false;
  #saidFatal = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#feeding = setInterval(() => this.post({ kind: "feed" }), FEED_INTERVAL_MS);
    worker.on("message", (message: FromHeart) => this.#heard(message));
    worker.on("error", (error: Error) => this.#fatal(error.stack ?? error.message));
    this.#gone = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.#isGone = true;
        clearInterval(this.#feeding);
        const end = new Error("the heart has ended");
        for (const waiting of [...this.#requests.values(), ...this.#views.values()]) waiting.reject(end);
        this.#requests.clear();
        this.#views.clear();
        if (!this.#isEnding) this.#fatal(`the heart's thread ended with code ${code}`);
        resolve();
      });
    });
  }

  request(request: Verb): Promise<ReplyEffect["outcome"]> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) return reject(new Error("the heart has ended"));
      if (this.#requests.size >= MAX_WAITING_REQUESTS)
        return reject(new Error(`more than ${MAX_WAITING_REQUESTS} requests wait for an answer`));
      const id = this.#nextId();
      this.#requests.set(id, { resolve, reject });
      this.post({ kind: "request", id, request });
    });
  }

  view(): Promise<NodeView> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) return reject(new Error("the heart has ended"));
      const id = this.#nextId();
      const limit = setTimeout(() => {
        this.#views.delete(id);
        reject(new Error(`the heart did not answer within ${VIEW_LIMIT_MS} ms`));
      }, VIEW_LIMIT_MS);
      const done = (act: () => void): void => {
        clearTimeout(limit);
        act();
      };
      this.#views.set(id, {
        resolve: (view) => done(() => resolve(view)),
        reject: (error) => done(() => reject(error)),
      });
      this.post({ kind: "view", id });
    });
  }

  post(message: ToHeart): void {
    if (!this.#isGone) this.#worker.postMessage(message);
  }

  on<K extends HeartNews["kind"]>(
    kind: K,
    listener: (message: Extract<HeartNews, { readonly kind: K }>) => void,
  ): void {
    this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), listener]);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.post({ kind: "end" });
    const limit = setTimeout(() => void this.#worker.terminate(), END_LIMIT_MS);
    await this.#gone;
    clearTimeout(limit);
  }

  #heard(message: FromHeart): void {
    switch (message.kind) {
      case "view":
        this.#views.get(message.id)?.resolve(message.view as never);
        this.#views.delete(message.id);
        return;
      case "reply":
        this.#requests.get(message.id)?.resolve(message.outcome as never);
        this.#requests.delete(message.id);
        return;
      case "fatal":
        this.#saidFatal = true;
        return this.#emit(message);
      default:
        return this.#emit(message);
    }
  }

  /** Once: the first word is the cause, the rest follows from it. */
  #fatal(message: string): void {
    if (this.#saidFatal) return;
    this.#saidFatal = true;
    this.#emit({
      kind: "fatal",
      message,
      next: "the service manager restarts the daemon; the lines before this one say why",
    });
  }

  #emit(message: HeartNews): void {
    for (const listener of this.#listeners.get(message.kind) ?? []) listener(message as never);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}
