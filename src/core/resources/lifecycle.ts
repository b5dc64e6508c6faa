/**
 * Starts a group's services in order, stops them in reverse, and watches them while they should run. One
 * action at a time for one resource, ever. Results may come late, twice or never: each action carries an id
 * and a time limit of its own.
 */

import { after, earlier, NEVER, type Instant } from "../base/time.ts";

export type Action = "start" | "stop" | "status";

/** What the machine needs to know of a resource. */
export interface ManagedService {
  readonly id: string;
  readonly everyMs: number;
  readonly attempts: number;
  readonly timeoutMs: { readonly start: number; readonly stop: number; readonly status: number | undefined };
}

/** An action to run; `token` comes back with its result. */
export interface Order {
  readonly token: number;
  readonly service: string;
  readonly action: Action;
}

/** Counts actions; all groups of a node share one, so that a result belongs to one action only. */
export interface Tokens {
  last: number;
}

export type LifecycleNews =
  | { readonly kind: "started" }
  | { readonly kind: "stopped" }
  | { readonly kind: "start-failed"; readonly service: string; readonly detail: string; readonly final: boolean }
  | { readonly kind: "stop-failed"; readonly service: string; readonly detail: string }
  | { readonly kind: "died"; readonly service: string; readonly detail: string };

type Phase = "stopped" | "starting" | "running" | "stopping" | "stuck";

/** Whoever runs the action enforces the limit; when its answer is missing so long after, it counts as failed. */
const GRACE_MS = 5_000;
/** Pause between two attempts to start. */
const RETRY_MS = 500;
/** A stop is tried so often. */
const STOP_ATTEMPTS = 2;

export class Lifecycle {
  private readonly services: readonly ManagedService[];
  private readonly tokens: Tokens;
  phase: Phase = "stopped";
  /** Service that is being started or stopped; also how many at the front are believed to run. */
  private position = 0;
  private attempt = 0;
  private pending: { order: Order; limit: Instant } | undefined;
  private retryAt: Instant = NEVER;
  private statusAt: Instant[] = [];
  /** Per service: how often it was started, said so, and was not running when first looked at. */
  private readonly emptyStarts = new Map<string, number>();
  /** Services seen running since their last start. */
  private readonly seen = new Set<string>();

  constructor(services: readonly ManagedService[], tokens: Tokens) {
    this.services = services;
    this.tokens = tokens;
  }

  /** Begins to start everything, or goes on with it. */
  start(now: Instant): void {
    if (this.phase === "starting") return;
    this.phase = "starting";
    this.emptyStarts.clear();
    this.position = 0;
    this.attempt = 0;
    this.retryAt = now;
  }

  /** Begins to stop everything, in reverse; a service that was never started is asked to stop too. */
  stop(now: Instant): void {
    if (this.phase === "stopped" || this.phase === "stopping") return;
    this.phase = "stopping";
    this.position = this.services.length - 1;
    this.attempt = 0;
    this.retryAt = now;
  }

  /** Believes that everything runs already: a former self of this daemon started it. */
  resume(now: Instant): void {
    this.phase = "running";
    this.schedule(now);
  }

  /** An action runs and has not answered yet. */
  get isWaiting(): boolean {
    return this.pending !== undefined;
  }

  /** Takes in a result; an unknown token (late or repeated) is ignored. */
  finished(token: number, ok: boolean, detail: string, now: Instant): LifecycleNews | undefined {
    if (this.pending?.order.token !== token) return undefined;
    const { order } = this.pending;
    this.pending = undefined;
    if (order.action === "status") return this.statusResult(order.service, ok, detail, now);
    if (order.action === "start") return this.startResult(order.service, ok, detail, now);
    return this.stopResult(order.service, ok, detail, now);
  }

  /** Time passes; answers with the next order and with news. Call again until it answers nothing. */
  advance(now: Instant): { order?: Order; news?: LifecycleNews } {
    if (this.pending !== undefined) {
      if (now < this.pending.limit) return {};
      const { token } = this.pending.order;
      const news = this.finished(token, false, "no result within its time limit", now);
      return news === undefined ? {} : { news };
    }
    if (this.phase === "starting") return this.advanceStart(now);
    if (this.phase === "stopping") return this.advanceStop(now);
    if (this.phase === "running") return this.advanceStatus(now);
    return {};
  }

  wakeAt(): Instant {
    if (this.pending !== undefined) return this.pending.limit;
    if (this.phase === "starting" || this.phase === "stopping") return this.retryAt;
    if (this.phase !== "running") return NEVER;
    return this.statusAt.reduce(earlier, NEVER);
  }

  private advanceStart(now: Instant): { order?: Order; news?: LifecycleNews } {
    const service = this.services[this.position];
    if (service === undefined) {
      this.phase = "running";
      this.schedule(now);
      return { news: { kind: "started" } };
    }
    if (now < this.retryAt) return {};
    return { order: this.order(service, "start", now) };
  }

  private advanceStop(now: Instant): { order?: Order; news?: LifecycleNews } {
    const service = this.services[this.position];
    if (service === undefined) {
      this.phase = "stopped";
      return { news: { kind: "stopped" } };
    }
    if (now < this.retryAt) return {};
    return { order: this.order(service, "stop", now) };
  }

  private advanceStatus(now: Instant): { order?: Order } {
    for (const [index, service] of this.services.entries()) {
      if ((this.statusAt[index] ?? NEVER) > now) continue;
      this.statusAt[index] = after(now, service.everyMs);
      return { order: this.order(service, "status", now) };
    }
    return {};
  }

  private order(service: ManagedService, action: Action, now: Instant): Order {
    const order = { token: ++this.tokens.last, service: service.id, action };
    const timeoutMs = service.timeoutMs[action] ?? 0;
    this.pending = { order, limit: after(now, timeoutMs + GRACE_MS) };
    return order;
  }

  private startResult(service: string, ok: boolean, detail: string, now: Instant): LifecycleNews | undefined {
    if (this.phase !== "starting") return undefined;
    if (ok) {
      this.position++;
      this.attempt = 0;
      this.retryAt = now;
      return undefined;
    }
    this.attempt++;
    const final = this.attempt >= (this.services[this.position]?.attempts ?? 1);
    this.retryAt = after(now, RETRY_MS);
    return { kind: "start-failed", service, detail, final };
  }

  private stopResult(service: string, ok: boolean, detail: string, now: Instant): LifecycleNews | undefined {
    if (this.phase !== "stopping") return undefined;
    this.attempt++;
    if (!ok && this.attempt < STOP_ATTEMPTS) {
      this.retryAt = after(now, RETRY_MS);
      return undefined;
    }
    if (!ok) {
      this.phase = "stuck";
      return { kind: "stop-failed", service, detail };
    }
    this.position--;
    this.attempt = 0;
    this.retryAt = now;
    return undefined;
  }

  private statusResult(service: string, ok: boolean, detail: string, now: Instant): LifecycleNews | undefined {
    if (this.phase !== "running") return undefined;
    if (ok) {
      this.seen.add(service);
      this.emptyStarts.delete(service);
      return undefined;
    }
    const empty = this.seen.delete(service) ? 0 : (this.emptyStarts.get(service) ?? 0) + 1;
    this.emptyStarts.set(service, empty);
    this.phase = "starting";
    this.position = this.services.findIndex((candidate) => candidate.id === service);
    // A start that ends well and starts nothing is a failed one: else it would be tried for ever.
    if (empty >= (this.services[this.position]?.attempts ?? 1)) {
      const what = `its start ended well ${empty} times and it did not run: ${detail}`;
      return { kind: "start-failed", service, detail: what, final: true };
    }
    this.attempt = 0;
    this.retryAt = now;
    return { kind: "died", service, detail };
  }

  private schedule(now: Instant): void {
    this.statusAt = this.services.map((service) =>
      service.timeoutMs.status === undefined ? NEVER : after(now, service.everyMs),
    );
  }
}
