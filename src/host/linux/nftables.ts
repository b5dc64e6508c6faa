/**
 * The wire format of nftables (nfnetlink), as far as the gate needs it: tables, base chains, rules, sets and
 * their elements, each as one message, and the expressions that rules are made of. Written against
 * linux/netfilter/nf_tables.h; numbers there are in network order. No `nft` program is started: that costs
 * milliseconds and memory at the very moment when neither is there.
 */

import {
  attribute,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  nested,
  text,
  u32be,
  u64be,
} from "./netlink.ts";
import type { Message } from "./netlink.ts";

export const NETLINK_NETFILTER = 12;
/** Multicast group of all changes. */
export const NFNLGRP_NFTABLES = 7;

const SUBSYSTEM = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;

const NFPROTO_UNSPEC = 0;
export const NFPROTO_INET = 1;
export const NFPROTO_ARP = 3;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;

export type Family = typeof NFPROTO_INET | typeof NFPROTO_ARP;

/** The word that `nft` uses. */
export function familyName(family: Family): string {
  return { [NFPROTO_INET]: "inet", [NFPROTO_ARP]: "arp" }[family];
}

const MSG = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  newSet: 9,
  getSet: 10,
  newElement: 12,
  getElement: 13,
  deleteElement: 14,
} as const;

/** Message type of "a transaction was committed". */
export const NEW_GENERATION = (SUBSYSTEM << 8) | 15;

function message(type: number, family: number, flags: number, ...attrs: readonly Buffer[]): Message {
  const header = Buffer.from([family, 0, 0, 0]);
  return { type: (SUBSYSTEM << 8) | type, flags: NLM_F_REQUEST | flags, body: Buffer.concat([header, ...attrs]) };
}

function boundary(type: number): Message {
  return { type, flags: NLM_F_REQUEST, body: Buffer.from([NFPROTO_UNSPEC, 0, 0, SUBSYSTEM]) };
}

/** One transaction: all or nothing. The last message asks for the acknowledgement, which comes after the commit. */
export function transaction(messages: readonly Message[]): Message[] {
  const last = messages.length - 1;
  const acknowledged = messages.map((m, i) => (i === last ? { ...m, flags: m.flags | NLM_F_ACK } : m));
  return [boundary(BATCH_BEGIN), ...acknowledged, boundary(BATCH_END)];
}

/** Switched off: the kernel keeps the table but ignores its chains. */
export const TABLE_DORMANT = 1;
/** Only the socket that made the table may change it (Linux 5.12). */
export const TABLE_OWNER = 2;
/** The table outlives its owner's socket (Linux 6.9). */
export const TABLE_PERSIST = 4;

export const TABLE_ATTRIBUTE = { flags: 2, use: 3, handle: 4, owner: 7 } as const;

export function newTable(family: Family, table: string, flags: number): Message {
  return message(
    MSG.newTable,
    family,
    NLM_F_CREATE,
    attribute(1, text(table)),
    attribute(TABLE_ATTRIBUTE.flags, u32be(flags)),
  );
}

export function deleteTable(family: Family, table: string): Message {
  return message(MSG.deleteTable, family, 0, attribute(1, text(table)));
}

export function getTable(family: Family, table: string): Message {
  return message(MSG.getTable, family, 0, attribute(1, text(table)));
}

/** A base chain: where it hooks in and when. */
export interface Chain {
  readonly name: string;
  readonly hook: number;
  readonly priority: number;
}

export const CHAIN_ATTRIBUTE = { hook: 4, policy: 5, use: 6, counters: 8 } as const;

const NF_ACCEPT = 1;

export function newChain(family: Family, table: string, chain: Chain): Message {
  const hook = [attribute(1, u32be(chain.hook)), attribute(2, u32be(chain.priority))];
  return message(
    MSG.newChain,
    family,
    NLM_F_CREATE,
    attribute(1, text(table)),
    attribute(3, text(chain.name)),
    nested(CHAIN_ATTRIBUTE.hook, ...hook),
    attribute(CHAIN_ATTRIBUTE.policy, u32be(NF_ACCEPT)),
    attribute(7, text("filter")),
  );
}

export function getChain(family: Family, table: string, chain: string): Message {
  return message(MSG.getChain, family, 0, attribute(1, text(table)), attribute(3, text(chain)));
}

export const RULE_ATTRIBUTE = { table: 1, chain: 2, expressions: 4, userData: 7 } as const;

/** A comment as `nft` keeps and shows it: type 0, length, text. */
function ruleComment(comment: string): Buffer {
  const value = text(comment);
  return attribute(RULE_ATTRIBUTE.userData, Buffer.concat([Buffer.from([0, value.length]), value]));
}

/** A rule at the end of its chain; `nft list` shows the comment. */
export function newRule(
  family: Family,
  table: string,
  chain: string,
  expressions: readonly Buffer[],
  comment: string,
): Message {
  return message(
    MSG.newRule,
    family,
    NLM_F_CREATE | NLM_F_APPEND,
    attribute(RULE_ATTRIBUTE.table, text(table)),
    attribute(RULE_ATTRIBUTE.chain, text(chain)),
    nested(RULE_ATTRIBUTE.expressions, ...expressions),
    ruleComment(comment),
  );
}

/** A dump request for the rules of one table. */
export function getRules(family: Family, table: string): Message {
  return message(MSG.getRule, family, 0, attribute(RULE_ATTRIBUTE.table, text(table)));
}

/** A set of addresses. */
export interface AddressSet {
  readonly name: string;
  readonly family: 4 | 6;
  /** Elements carry a timeout. */
  readonly timed: boolean;
}

export const SET_ATTRIBUTE = { flags: 3 } as const;
const SET_TIMEOUT = 0x10;

export function newSet(family: Family, table: string, set: AddressSet, id: number): Message {
  // Type numbers are `nft`'s own (for printing), the kernel only keeps them.
  const keyType = set.family === 4 ? 7 : 8;
  return message(
    MSG.newSet,
    family,
    NLM_F_CREATE,
    attribute(1, text(table)),
    attribute(2, text(set.name)),
    attribute(SET_ATTRIBUTE.flags, u32be(set.timed ? SET_TIMEOUT : 0)),
    attribute(4, u32be(keyType)),
    attribute(5, u32be(set.family === 4 ? 4 : 16)),
    attribute(10, u32be(id)),
  );
}

export function getSet(family: Family, table: string, set: string): Message {
  return message(MSG.getSet, family, 0, attribute(1, text(table)), attribute(2, text(set)));
}

/** One element: the address as bytes, and for timed sets how long it stays. */
export interface Element {
  readonly key: Buffer;
  readonly timeoutMs?: number;
}

const LIST_ELEMENT = 1;
const DATA_VALUE = 1;
export const ELEMENT_ATTRIBUTE = { list: 3, key: 1, expiration: 5 } as const;

export function newElements(family: Family, table: string, set: string, elements: readonly Element[]): Message {
  const list = elements.map(({ key, timeoutMs }) => {
    const parts = [nested(ELEMENT_ATTRIBUTE.key, attribute(DATA_VALUE, key))];
    if (timeoutMs !== undefined) parts.push(attribute(4, u64be(timeoutMs)));
    return nested(LIST_ELEMENT, ...parts);
  });
  return message(
    MSG.newElement,
    family,
    NLM_F_CREATE,
    attribute(1, text(table)),
    attribute(2, text(set)),
    nested(ELEMENT_ATTRIBUTE.list, ...list),
  );
}

/** Empties a set; never refused for what the set holds or does not hold. */
export function flushElements(family: Family, table: string, set: string): Message {
  return message(MSG.deleteElement, family, 0, attribute(1, text(table)), attribute(2, text(set)));
}

/** A dump request for the elements of a set. */
export function getElements(family: Family, table: string, set: string): Message {
  return message(MSG.getElement, family, 0, attribute(1, text(table)), attribute(2, text(set)));
}

// Expressions. All work on register 1.

const REGISTER = attribute(1, u32be(1));

function expression(name: string, ...attrs: readonly Buffer[]): Buffer {
  return nested(LIST_ELEMENT, attribute(1, text(name)), nested(2, ...attrs));
}

export const BASE_NETWORK = 1;
export const BASE_TRANSPORT = 2;

/** Loads bytes of the packet. */
export function loadPayload(base: number, offset: number, length: number): Buffer {
  return expression(
    "payload",
    REGISTER,
    attribute(2, u32be(base)),
    attribute(3, u32be(offset)),
    attribute(4, u32be(length)),
  );
}

export const META_PROTOCOL = 1;
export const META_NFPROTO = 15;
export const META_L4PROTO = 16;

/** Loads a fact about the packet. */
export function loadMeta(key: number): Buffer {
  return expression("meta", REGISTER, attribute(2, u32be(key)));
}

/** Goes on only if the register has this value. */
export function isEqual(value: Buffer): Buffer {
  return expression("cmp", REGISTER, attribute(2, u32be(0)), nested(3, attribute(DATA_VALUE, value)));
}

/** Goes on only if the register is (or, inverted, is not) in the set. */
export function isIn(set: string, options?: { readonly inverted: boolean }): Buffer {
  const parts = [attribute(1, text(set)), attribute(2, u32be(1))];
  if (options?.inverted === true) parts.push(attribute(5, u32be(1)));
  return expression("lookup", ...parts);
}

const FIB_SOURCE = 1;
const FIB_DESTINATION = 2;
const RTN_LOCAL = 2;

/** Goes on only if the packet's source or destination is an address of this machine. */
export function isLocal(end: "source" | "destination"): Buffer[] {
  const flags = end === "source" ? FIB_SOURCE : FIB_DESTINATION;
  const ADDRESS_TYPE = 3;
  const local = Buffer.alloc(4);
  // The kernel leaves this number in host order.
  local.writeUInt32LE(RTN_LOCAL);
  return [expression("fib", REGISTER, attribute(2, u32be(ADDRESS_TYPE)), attribute(3, u32be(flags))), isEqual(local)];
}

/** Goes on only if an x_tables match says so. */
export function xtablesMatch(name: string, revision: number, info: Buffer): Buffer {
  return expression("match", attribute(1, text(name)), attribute(2, u32be(revision)), attribute(3, info));
}

/** Counts packets and bytes that came so far; `nft list` shows it. */
export function count(): Buffer {
  return expression("counter");
}

/** Drops the packet. */
export function drop(): Buffer {
  const NF_DROP = 0;
  return expression("immediate", attribute(1, u32be(0)), nested(2, nested(2, attribute(1, u32be(NF_DROP)))));
}
