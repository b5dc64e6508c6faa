/**
 * Operators' drains and weights: judged against what this node knows, written down, told to every node, and answered
 * with the names of those that did not hear it. A wish that lost against one stated elsewhere at the same time, or
 * against numbers that a node without its disk had forgotten, is stated anew: what was confirmed is what counts.
 */

import type { DrainRequest, WeightRequest } from "../../api/balancer.ts";
import type { RequestAnswer } from "../../api/types.ts";
import type { Facts } from "../../core/balancer/effective.ts";
import { poolsLeftEmpty } from "../../core/balancer/effective.ts";
import type { MemberKey } from "../../core/balancer/wanted.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { MemberWish } from "../../core/balancer/wishes.ts";
import { drainKey, isFull, stateWish, weightKey } from "../../core/balancer/wishes.ts";
import type { Problem } from "../../core/base/report.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import { findMembers } from "../../core/config/find-members.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { WishExchange } from "./wish-exchange.ts";
import type { WishStore } from "./wish-store.ts";

/** A wish that loses so often meets somebody who wishes the opposite all the time. */
const ATTEMPTS = 3;
/** Members that an answer names. */
const NAMED = 10;

export interface MemberRequestsOptions {
  readonly node: string;
  readonly config: () => BalancerConfig;
  readonly facts: () => Facts;
  readonly store: WishStore;
  readonly exchange: Pick<WishExchange, "tell">;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
}

export class MemberRequests {
  readonly #options: MemberRequestsOptions;

  constructor(options: MemberRequestsOptions) {
    this.#options = options;
  }

  async drain(request: DrainRequest): Promise<RequestAnswer> {
    const found = this.#find(request.member);
    if (!found.ok) return found;
    const { keys } = found;
    if (request.on && !request.force) {
      const refusal = this.#lastOnes(keys, `\`understudy drain ${request.member} --force\``);
      if (refusal !== undefined) return refusal;
    }
    const value = !request.on ? "off" : request.force ? "force" : "on";
    const answer = await this.#wish(
      keys.map((key) => ({ key: drainKey(key), value })),
      (names) =>
        request.on
          ? `${names} ${plural(keys, "drains", "drain")}`
          : `${names} ${plural(keys, "takes", "take")} new visitors`,
    );
    if (answer.ok) this.#tellAll(keys, request.on ? "MEMBER_DRAINED" : "MEMBER_UNDRAINED", {});
    return answer;
  }

  async weight(request: WeightRequest): Promise<RequestAnswer> {
    const found = this.#find(request.member);
    if (!found.ok) return found;
    const { keys } = found;
    const { weight } = request;
    if (weight === 0) {
      const refusal = this.#lastOnes(keys, `\`understudy drain ${request.member} --force\``);
      if (refusal !== undefined) return refusal;
    }
    const told = weight === undefined ? "the cluster file's" : String(weight);
    const answer = await this.#wish(
      keys.map((key) => ({ key: weightKey(key), value: weight === undefined ? "file" : String(weight) })),
      (names) =>
        `${names} ${plural(keys, "has", "have")} ${weight === undefined ? `${told} weight` : `weight ${told}`}`,
    );
    if (answer.ok) this.#tellAll(keys, "MEMBER_WEIGHTED", { weight: told });
    return answer;
  }

  #find(member: string): { ok: true; keys: readonly MemberKey[] } | { ok: false; problems: readonly Problem[] } {
    const pools = this.#options.config().pools.map(({ name, members }) => ({
      pool: name,
      members: members.map((one) => one.name),
    }));
    const found = findMembers(pools, member);
    return found.ok ? { ok: true, keys: found.value } : { ok: false, problems: found.problems };
  }

  #lastOnes(keys: readonly MemberKey[], force: string): RequestAnswer | undefined {
    const pools = poolsLeftEmpty(this.#options.config(), this.#options.facts(), keys);
    if (pools.length === 0) return undefined;
    return refuse({
      code: "DRAIN_LAST_MEMBER",
      severity: "error",
      message: `${pools.join(", ")} would have no member left for new visitors`,
      next: `bring another member back first (\`understudy pools\` shows them), or insist with ${force}`,
    });
  }

  async #wish(
    wishes: readonly { readonly key: string; readonly value: string }[],
    sentence: (names: string) => string,
  ): Promise<RequestAnswer> {
    const { store, exchange, node } = this.#options;
    if (wishes.some(({ key }) => isFull(store.book, key))) return refuse(TOO_MANY);
    let deaf: readonly string[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const open = wishes.filter(({ key, value }) => attempt === 0 || store.book.get(key)?.value !== value);
      if (open.length === 0) break;
      try {
        await store.state((book) => open.map((wish): MemberWish => stateWish(book, { ...wish, node })));
      } catch (error) {
        return refuse(notStored(error as Error, node));
      }
      deaf = await exchange.tell();
    }
    const names = listed(wishes.map(({ key }) => key.slice(key.indexOf("/") + 1)));
    const unheard = deaf.length === 0 ? "" : `; not heard by ${deaf.join(", ")}, which will be told when it answers`;
    return { ok: true, node, detail: `${sentence(names)}${unheard}` };
  }

  #tellAll(
    keys: readonly MemberKey[],
    reason: "MEMBER_DRAINED" | "MEMBER_UNDRAINED" | "MEMBER_WEIGHTED",
    facts: DecisionEvent["facts"],
  ): void {
    const { node, record } = this.#options;
    const member = listed(keys.map(memberId));
    record({ severity: "info", reason, group: undefined, node, link: undefined, facts: { member, ...facts } });
  }
}

const TOO_MANY: Problem = {
  code: "WISHES_TOO_MANY",
  severity: "error",
  message: "no more wishes about members can be kept",
  next: "change the members in the cluster file instead",
};

function notStored(error: Error, node: string): Problem {
  return {
    code: "WISH_NOT_STORED",
    severity: "error",
    message: `${node} cannot write the wish down, so it does not count: ${error.message}`,
    next: `make room on ${node}'s disk, or ask another node`,
  };
}

function refuse(problem: Problem): RequestAnswer & { ok: false } {
  return { ok: false, problems: [problem] };
}

function plural(items: readonly unknown[], one: string, many: string): string {
  return items.length === 1 ? one : many;
}

function listed(names: readonly string[]): string {
  if (names.length <= NAMED) return names.join(", ");
  return `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more`;
}
