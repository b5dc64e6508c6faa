/**
 * Checks of members for engines that have none of their own. One probe for all pools that ask the same of the same
 * address; pools judge what it found by their own `rise` and `fall`. Probes are spread over their period, and a bounded
 * number runs at a time. What could not be found out changes no verdict: `unknown` is not `down`.
 */

import type { PoolConfig } from "../../core/config/balancer.ts";
import type { MemberKey } from "../../core/balancer/wanted.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import { type MonitorState, observe, UNCHECKED, type VerdictLimits } from "../../core/monitors/verdict.ts";
import { type MemberProbe, probeMember } from "../../host/probes/member.ts";
import type { ProbeResult } from "../../host/probes/outcome.ts";

/** Probes at the same time; the others wait for their turn. */
const PARALLEL = 128;

/** Members that are asked at once at the beginning. */
const AT_ONCE = 100;

/** A verdict that changed. */
export interface CheckNews {
  readonly key: MemberKey;
  readonly isUp: boolean;
  readonly detail: string;
}

export interface MemberChecksOptions {
  readonly changed: (news: CheckNews) => void;
  /** For tests. */
  readonly probe?: (probe: MemberProbe) => Promise<ProbeResult>;
  readonly parallel?: number;
}

/** A pool's member that a probe speaks for. */
interface Subscriber {
  readonly key: MemberKey;
  readonly limits: VerdictLimits;
  state: MonitorState;
}

interface Target {
  readonly probe: MemberProbe;
  readonly everyMs: number;
  subscribers: ReadonlyMap<string, Subscriber>;
  timer: NodeJS.Timeout | undefined;
}

export class MemberChecks {
  readonly #options: MemberChecksOptions;
  /** Their verdicts outlive a change of the config that leaves the probe as it was. */
  readonly #targets = new Map<string, Target>();
  #running = 0;
  readonly #waiting: Target[] = [];
  #isClosed = false;

  constructor(options: MemberChecksOptions) {
    this.#options = options;
  }

  /** Checks the members of these pools from now on. */
  watch(pools: readonly PoolConfig[]): void {
    const wanted = wantedTargets(pools);
    for (const [id, target] of this.#targets) {
      if (wanted.has(id)) continue;
      clearTimeout(target.timer);
      this.#targets.delete(id);
    }
    let place = 0;
    for (const [id, { subscribers, ...target }] of wanted) {
      place += 1;
      const known = this.#targets.get(id);
      if (known === undefined) {
        const fresh: Target = { ...target, subscribers, timer: undefined };
        this.#targets.set(id, fresh);
        this.#begin(fresh, { share: place / wanted.size, isEarly: place <= AT_ONCE });
        continue;
      }
      for (const [name, subscriber] of subscribers) {
        const before = known.subscribers.get(name);
        if (before !== undefined) subscriber.state = before.state;
      }
      known.subscribers = subscribers;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#targets.values()) clearTimeout(timer);
    this.#targets.clear();
    this.#waiting.length = 0;
  }

  /** A few are asked at once; many are spread over their period from the beginning, or this thread would do nothing else. */
  #begin(target: Target, { share, isEarly }: { readonly share: number; readonly isEarly: boolean }): void {
    if (isEarly) {
      this.#enqueue(target, share);
      return;
    }
    target.timer = setTimeout(() => this.#enqueue(target), share * target.everyMs);
    target.timer.unref();
  }

  /** `share`: the part of a period after which the second probe comes, so that they do not march in step. */
  #enqueue(target: Target, share = 1): void {
    this.#waiting.push(target);
    this.#next(share);
  }

  #next(share = 1): void {
    while (this.#running < (this.#options.parallel ?? PARALLEL)) {
      const target = this.#waiting.shift();
      if (target === undefined) return;
      if (!this.#isWatched(target)) continue;
      this.#running += 1;
      void this.#probe(target, share);
    }
  }

  async #probe(target: Target, share: number): Promise<void> {
    const startedAt = performance.now();
    const result = await (this.#options.probe ?? probeMember)(target.probe);
    this.#running -= 1;
    if (this.#isWatched(target)) {
      this.#judge(target, result);
      const pauseMs = Math.max(0, share * target.everyMs - (performance.now() - startedAt));
      target.timer = setTimeout(() => this.#enqueue(target), pauseMs);
      target.timer.unref();
    }
    this.#next();
  }

  #judge(target: Target, { outcome, detail }: ProbeResult): void {
    for (const subscriber of target.subscribers.values()) {
      const { verdict } = subscriber.state;
      subscriber.state = observe(subscriber.state, outcome, subscriber.limits);
      const now = subscriber.state.verdict;
      if (now !== verdict && now !== "unknown")
        this.#options.changed({ key: subscriber.key, isUp: now === "up", detail });
    }
  }

  #isWatched(target: Target): boolean {
    return !this.#isClosed && this.#targets.get(targetId(target)) === target;
  }
}

function wantedTargets(
  pools: readonly PoolConfig[],
): Map<string, Omit<Target, "timer"> & { subscribers: Map<string, Subscriber> }> {
  const targets = new Map<string, Omit<Target, "timer"> & { subscribers: Map<string, Subscriber> }>();
  for (const { name: pool, check, members } of pools) {
    if (check === undefined) continue;
    const limits = { rise: check.rise, fall: check.fall };
    for (const member of members) {
      const key = { pool, member: member.name };
      const probe = {
        address: member.address,
        port: check.port ?? member.port,
        probe: check.probe,
        timeoutMs: check.timeoutMs,
      };
      const target = { probe, everyMs: check.everyMs, subscribers: new Map<string, Subscriber>() };
      const id = targetId(target);
      const known = targets.get(id) ?? target;
      known.subscribers.set(memberId(key), { key, limits, state: UNCHECKED });
      targets.set(id, known);
    }
  }
  return targets;
}

/** The same for probes that ask the same of the same place equally often. */
function targetId({ probe, everyMs }: Pick<Target, "probe" | "everyMs">): string {
  return JSON.stringify([probe.address, probe.port, probe.timeoutMs, everyMs, probe.probe]);
}
