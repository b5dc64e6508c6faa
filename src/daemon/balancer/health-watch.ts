/**
 * What the checks found about members, by the engine or by us: remembered, told as events, and judged by the rule that
 * a pool whose members fail all at once is not to be emptied (`core/balancer/panic.ts`). Changes with one cause are
 * gathered for a moment first, and a pool that changes a lot is told in one sentence.
 */

import type { Finding, PoolPace, PoolTrust } from "../../core/balancer/panic.ts";
import { keepMembers, observeMembers, TRUSTED } from "../../core/balancer/panic.ts";
import type { Findings } from "../../core/balancer/effective.ts";
import type { MemberKey } from "../../core/balancer/wanted.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { Instant } from "../../core/base/time.ts";
import type { PoolConfig } from "../../core/config/balancer.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { MemberFigures } from "../../host/engines/engine.ts";

const GATHER_MS = 20;
/** Changes of one pool at one moment that are told one by one. */
const SINGLE_EVENTS = 5;

export interface HealthWatchOptions {
  readonly node: string;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
  /** What was found is another thing now. */
  readonly changed: () => void;
  readonly now: () => Instant;
}

interface Seen {
  readonly key: MemberKey;
  readonly isUp: boolean;
  readonly detail: string;
}

export class HealthWatch {
  readonly #options: HealthWatchOptions;
  readonly #known = new Map<string, Seen>();
  readonly #fresh = new Map<string, Seen>();
  readonly #trust = new Map<string, PoolTrust>();
  #paces: ReadonlyMap<string, PoolPace> = new Map();
  #members: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HealthWatchOptions) {
    this.#options = options;
  }

  /**
   * Pools, members and checks are these from now on. What was found about others is forgotten, also about members that
   * nobody checks any more: nothing would ever end it. What is left is judged anew, because the next change of a check
   * may be long away.
   */
  watch(pools: readonly PoolConfig[]): void {
    const checked = pools.filter(({ check }) => check !== undefined);
    this.#paces = new Map(checked.map((pool) => [pool.name, paceOf(pool)]));
    this.#members = new Set(
      checked.flatMap((pool) => pool.members.map(({ name }) => memberId({ pool: pool.name, member: name }))),
    );
    for (const id of this.#known.keys()) if (!this.#members.has(id)) this.#known.delete(id);
    const now = this.#options.now();
    for (const [name, trust] of this.#trust) {
      const pool = checked.find((one) => one.name === name);
      if (pool === undefined) {
        this.#trust.delete(name);
        if (trust.isSuspected) this.#tell("info", "POOL_UNCHECKED", { pool: name });
      } else {
        this.#trust.set(name, keepMembers(trust, new Set(pool.members.map((member) => member.name))));
        this.#judge(name, [], now);
      }
    }
  }

  /** A check changed its mind. */
  heard(seen: Seen): void {
    this.#fresh.set(memberId(seen.key), seen);
    this.#timer ??= setTimeout(() => this.#take(), GATHER_MS);
  }

  /** What the engine says about all members now, in case that a change was missed. */
  sync(figures: readonly MemberFigures[]): void {
    for (const { pool, member, health, detail } of figures) {
      if (health === "unknown") continue;
      const key = { pool, member };
      const isUp = health === "up";
      if (this.#known.get(memberId(key))?.isUp !== isUp) this.heard({ key, isUp, detail });
    }
  }

  get findings(): Findings {
    const down = [...this.#known].filter(([, { isUp }]) => !isUp).map(([id]) => id);
    const servingAll = [...this.#trust].filter(([, { isSuspected }]) => isSuspected).map(([pool]) => pool);
    return { down: new Set(down), servingAll: new Set(servingAll) };
  }

  /** The last finding about a member. */
  of(key: MemberKey): { readonly isUp: boolean; readonly detail: string } | undefined {
    return this.#known.get(memberId(key));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #take(): void {
    this.#timer = undefined;
    const news = [...this.#fresh]
      .filter(([id, seen]) => this.#members.has(id) && this.#known.get(id)?.isUp !== seen.isUp)
      .map(([, seen]) => seen);
    this.#fresh.clear();
    const byPool = Map.groupBy(news, ({ key }) => key.pool);
    const now = this.#options.now();
    for (const [pool, seen] of byPool) {
      this.#tellMembers(pool, seen);
      for (const one of seen) this.#known.set(memberId(one.key), one);
      this.#judge(pool, seen, now);
    }
    if (news.length > 0) this.#options.changed();
  }

  #judge(pool: string, seen: readonly Seen[], now: Instant): void {
    const pace = this.#paces.get(pool);
    if (pace === undefined) return;
    const before = this.#trust.get(pool) ?? TRUSTED;
    const findings = seen.map(({ key, isUp }): Finding => ({ member: key.member, isUp }));
    const after = observeMembers(before, pace, { findings, now });
    this.#trust.set(pool, after);
    if (after.isSuspected === before.isSuspected) return;
    if (after.isSuspected) {
      this.#tell("alert", "POOL_SUSPECTED", { pool, down: after.downSince.size, members: pace.members });
    } else {
      this.#tell("info", "POOL_TRUSTED", { pool });
    }
  }

  #tellMembers(pool: string, seen: readonly Seen[]): void {
    // That a member answers the first check is nothing new.
    const told = seen.filter(({ key, isUp }) => !isUp || this.#known.has(memberId(key)));
    if (told.length > SINGLE_EVENTS) {
      const down = told.filter(({ isUp }) => !isUp).length;
      this.#tell(down > 0 ? "warning" : "info", "MEMBERS_CHANGED", { pool, down, up: told.length - down });
      return;
    }
    for (const { key, isUp, detail } of told) {
      const member = memberId(key);
      if (isUp) this.#tell("info", "MEMBER_UP", { member });
      else this.#tell("warning", "MEMBER_DOWN", { member, detail: detail === "" ? "its check failed" : detail });
    }
  }

  #tell(severity: DecisionEvent["severity"], reason: DecisionEvent["reason"], facts: DecisionEvent["facts"]): void {
    const { node, record } = this.#options;
    record({ severity, reason, group: undefined, node, link: undefined, facts });
  }
}

function paceOf({ members, check, panicShare }: PoolConfig): PoolPace {
  return { members: members.length, periodMs: (check?.everyMs ?? 0) + (check?.timeoutMs ?? 0), panicShare };
}
