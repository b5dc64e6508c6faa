/**
 * The gate's tables in the kernel: make them in one transaction, read them back, take them away. Knows how a
 * plan becomes messages and whether what the kernel holds is the plan; knows nothing of time.
 */

import { constants } from "node:os";
import type { TablePlan } from "./gate-rules.ts";
import { FAMILIES, TABLE, VIP_SETS } from "./gate-rules.ts";
import { SystemError } from "./libc.ts";
import { attributeList, attributes } from "./netlink.ts";
import type { Message, NetlinkSocket } from "./netlink.ts";
import * as nft from "./nftables.ts";
import type { Element } from "./nftables.ts";

const { ENOENT, EEXIST, EOPNOTSUPP, EINVAL, EPERM } = constants.errno;
const REPLACE_ATTEMPTS = 8;
/** Without it the listed rules mislead: `nft` does not print the comparison with the deadline. */
const COMMENT = "only while no lease is open";

/** Elements of one set. */
export interface Contents {
  readonly family: nft.Family;
  readonly set: string;
  readonly elements: readonly Element[];
}

/** The gate's tables, by one socket. */
export class GateTables {
  readonly #socket: NetlinkSocket;
  /** Flags that this kernel accepts: owned tables survive a foreign `flush ruleset`. */
  #flags: number;

  constructor(socket: NetlinkSocket, options: { readonly owned: boolean }) {
    this.#socket = socket;
    this.#flags = options.owned ? nft.TABLE_OWNER | nft.TABLE_PERSIST : 0;
  }

  /** True when only our socket may change the tables. */
  get owned(): boolean {
    return this.#flags !== 0;
  }

  /**
   * Replaces whatever stands under our names by the plans with these contents, in one transaction: no packet
   * meets a half-made gate. `contents` is asked at the last moment, because timeouts count from then.
   */
  replace(plans: readonly TablePlan[], contents: () => readonly Contents[]): void {
    for (let attempt = 1; ; attempt++) {
      const { messages, tables } = this.#replacement(plans, contents());
      const refused = this.#socket.batch(nft.transaction(messages))[0];
      if (refused === undefined) return;
      const { errno } = refused;
      const isTable = tables.has(refused.index - 1);
      if (isTable && (errno === EOPNOTSUPP || errno === EINVAL) && this.#flags !== 0) this.#flags = 0;
      else if (errno === EPERM && this.#isForeign()) {
        throw new SystemError(
          "gate tables",
          constants.errno.EBUSY,
          "another running process owns them: is another daemon running here?",
        );
      } else if (!(errno === ENOENT || errno === EEXIST) || attempt === REPLACE_ATTEMPTS) {
        throw new SystemError("gate tables", errno, refused.detail ?? `message ${refused.index} of the transaction`);
      }
    }
  }

  /** Deletes the tables; absent ones are fine. */
  delete(): void {
    for (let attempt = 1; attempt <= REPLACE_ATTEMPTS; attempt++) {
      const present = FAMILIES.filter((family) => this.#table(family) !== undefined);
      if (present.length === 0) return;
      const refused = this.#socket.batch(nft.transaction(present.map((family) => nft.deleteTable(family, TABLE))))[0];
      if (refused === undefined) return;
      if (refused.errno !== ENOENT) throw new SystemError("gate tables", refused.errno, refused.detail);
    }
  }

  /** Elements of a timed set with the time that is left to them; empty when there is no such set. */
  timed(family: nft.Family, set: string): { key: Buffer; leftMs: number }[] {
    return this.#elements(family, set).flatMap(({ key, expiration }) =>
      expiration === undefined ? [] : [{ key, leftMs: Number(expiration.readBigUInt64BE()) }],
    );
  }

  /** Compares what the kernel holds with the plan; undefined when equal, else one sentence. */
  difference(
    plans: readonly TablePlan[],
    vips: { readonly 4: readonly Buffer[]; readonly 6: readonly Buffer[] },
  ): string | undefined {
    for (const plan of plans) {
      const found = this.#tableDifference(plan) ?? this.#ruleDifference(plan) ?? this.#setDifference(plan, vips);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #replacement(
    plans: readonly TablePlan[],
    contents: readonly Contents[],
  ): { messages: Message[]; tables: Set<number> } {
    const messages: Message[] = [];
    const tables = new Set<number>();
    let setId = 0;
    for (const family of FAMILIES) if (this.#table(family) !== undefined) messages.push(nft.deleteTable(family, TABLE));
    for (const plan of plans) {
      const { family } = plan;
      tables.add(messages.length);
      messages.push(nft.newTable(family, TABLE, this.#flags));
      for (const set of plan.sets) messages.push(nft.newSet(family, TABLE, set, ++setId));
      for (const { set, elements } of contents.filter((c) => c.family === family && c.elements.length > 0)) {
        messages.push(nft.newElements(family, TABLE, set, elements));
      }
      for (const chain of plan.chains) {
        messages.push(nft.newChain(family, TABLE, chain));
        for (const rule of chain.rules) messages.push(nft.newRule(family, TABLE, chain.name, rule, COMMENT));
      }
    }
    return { messages, tables };
  }

  #table(family: nft.Family): Map<number, Buffer> | undefined {
    const answer = this.#socket.get(nft.getTable(family, TABLE), "get table");
    return answer === undefined ? undefined : attributes(answer.body.subarray(4));
  }

  #isForeign(): boolean {
    return FAMILIES.some((family) => {
      const owner = this.#table(family)?.get(nft.TABLE_ATTRIBUTE.owner)?.readUInt32BE() ?? 0;
      return owner !== 0 && owner !== this.#socket.port;
    });
  }

  #tableDifference(plan: TablePlan): string | undefined {
    const table = this.#table(plan.family);
    if (table === undefined) return `table ${nft.familyName(plan.family)} ${TABLE} is gone`;
    const flags = table.get(nft.TABLE_ATTRIBUTE.flags)?.readUInt32BE() ?? 0;
    if (flags !== this.#flags)
      return `table ${nft.familyName(plan.family)} ${TABLE} has flags ${flags} instead of ${this.#flags}`;
    for (const chain of plan.chains) {
      const answer = this.#socket.get(nft.getChain(plan.family, TABLE, chain.name), "get chain");
      if (answer === undefined) return `chain ${chain.name} is gone`;
      const wanted = nft.newChain(plan.family, TABLE, chain).body.subarray(4);
      if (!contains(answer.body.subarray(4), wanted)) return `chain ${chain.name} was changed`;
    }
    return undefined;
  }

  #ruleDifference(plan: TablePlan): string | undefined {
    const rules = new Map<string, Buffer[]>();
    for (const answer of this.#socket.dump(nft.getRules(plan.family, TABLE), "get rules")) {
      const found = attributes(answer.body.subarray(4));
      const table = found.get(nft.RULE_ATTRIBUTE.table)?.toString().replace("\0", "");
      const chain = found.get(nft.RULE_ATTRIBUTE.chain)?.toString().replace("\0", "") ?? "";
      const expressions = found.get(nft.RULE_ATTRIBUTE.expressions) ?? Buffer.alloc(0);
      if (table === TABLE) rules.set(chain, [...(rules.get(chain) ?? []), expressions]);
    }
    for (const chain of plan.chains) {
      const there = rules.get(chain.name) ?? [];
      if (there.length !== chain.rules.length)
        return `chain ${chain.name} has ${there.length} rules instead of ${chain.rules.length}`;
      const changed = chain.rules.findIndex((rule, i) => !contains(there[i] as Buffer, Buffer.concat(rule)));
      if (changed >= 0) return `rule ${changed + 1} of chain ${chain.name} was changed`;
    }
    return undefined;
  }

  #setDifference(
    plan: TablePlan,
    vips: { readonly 4: readonly Buffer[]; readonly 6: readonly Buffer[] },
  ): string | undefined {
    for (const set of plan.sets) {
      const answer = this.#socket.get(nft.getSet(plan.family, TABLE, set.name), "get set");
      if (answer === undefined) return `set ${set.name} is gone`;
      if (set.name !== VIP_SETS[set.family]) continue;
      const there = this.#elements(plan.family, set.name).map(({ key }) => key.toString("hex"));
      const missing = vips[set.family].find((key) => !there.includes(key.toString("hex")));
      if (missing !== undefined) return `set ${set.name} lost an address`;
      if (there.length !== vips[set.family].length)
        return `set ${set.name} has ${there.length} addresses instead of ${vips[set.family].length}`;
    }
    return undefined;
  }

  #elements(family: nft.Family, set: string): { key: Buffer; expiration: Buffer | undefined }[] {
    return this.#socket.dump(nft.getElements(family, TABLE, set), "get elements").flatMap((answer) => {
      const list = attributes(answer.body.subarray(4)).get(nft.ELEMENT_ATTRIBUTE.list);
      return attributeList(list ?? Buffer.alloc(0)).map(({ value }) => {
        const element = attributes(value);
        const key = attributes(element.get(nft.ELEMENT_ATTRIBUTE.key) ?? Buffer.alloc(0)).get(1) ?? Buffer.alloc(0);
        return { key, expiration: element.get(nft.ELEMENT_ATTRIBUTE.expiration) };
      });
    });
  }
}

/**
 * Does `actual` say everything that `wanted` says? Attributes that the kernel adds (handles, counters,
 * defaults) are ignored, but lists must have the same length and order.
 */
function contains(actual: Buffer, wanted: Buffer): boolean {
  const there = attributeList(actual);
  const wantedList = attributeList(wanted);
  const isList = wantedList.length > 0 && wantedList.every(({ type, nested }) => type === 1 && nested);
  if (isList && there.length !== wantedList.length) return false;
  const used = new Map<number, number>();
  return wantedList.every(({ type, nested, value }) => {
    const nth = used.get(type) ?? 0;
    used.set(type, nth + 1);
    const found = there.filter((one) => one.type === type)[nth];
    if (found === undefined) return false;
    return nested ? contains(found.value, value) : found.value.equals(value);
  });
}
