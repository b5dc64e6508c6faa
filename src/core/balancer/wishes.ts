/**
 * Operators' wishes about members: small versioned registers that every node stores and tells the others. Nobody owns
 * one: it may be stated on any node, also on one that hears nobody, and when the nodes meet again the merged wishes are
 * the same everywhere. The rule, in this order: the higher version wins; of equal versions, stated apart, a drain wins
 * over its end, and a forced one over both, because a visitor sent to a server that is being taken away is worse than
 * one sent elsewhere; then the node's name and the value decide, so that all choose alike.
 */

import { MAX_MEMBER_WISHES, MAX_NAME_LENGTH } from "../base/limits.ts";
import type { MemberKey } from "./wanted.ts";

/** A register; travels between nodes and lies on disk. */
export interface MemberWish {
  /** `drain/POOL/MEMBER` with value `on`, `force` or `off`, `weight/POOL/MEMBER` with a number or `file`. */
  readonly key: string;
  readonly value: string;
  readonly version: number;
  /** Node where it was wished. */
  readonly node: string;
}

/** All wishes by key. */
export type WishBook = ReadonlyMap<string, MemberWish>;

export const NO_WISHES: WishBook = new Map();

/** More than an operator can reach; leaves room to count on. */
const MAX_VERSION = 1_000_000_000_000;
/** Of equal versions the later one here wins. */
const DRAIN_VALUES: readonly string[] = ["off", "on", "force"];
const KEY = /^(drain|weight)\/([^/]+)\/([^/]+)$/;

export function drainKey(key: MemberKey): string {
  return `drain/${key.pool}/${key.member}`;
}

export function weightKey(key: MemberKey): string {
  return `weight/${key.pool}/${key.member}`;
}

/** What a register is about; undefined when the key is none. */
export function readWishKey(key: string): (MemberKey & { readonly kind: "drain" | "weight" }) | undefined {
  const [, kind, pool, member] = KEY.exec(key) ?? [];
  if (pool === undefined || member === undefined || (kind !== "drain" && kind !== "weight")) return undefined;
  if (pool.length > MAX_NAME_LENGTH || member.length > MAX_NAME_LENGTH) return undefined;
  return { kind, pool, member };
}

/** A wish from a disk or another node; undefined when it is none. */
export function readWish(value: unknown): MemberWish | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { key, value: wished, version, node } = value as Partial<Record<keyof MemberWish, unknown>>;
  if (typeof key !== "string" || typeof wished !== "string" || typeof node !== "string") return undefined;
  if (node === "" || node.length > MAX_NAME_LENGTH) return undefined;
  if (!Number.isSafeInteger(version) || (version as number) < 1 || (version as number) > MAX_VERSION) return undefined;
  const about = readWishKey(key);
  if (about === undefined || !isValue(about.kind, wished)) return undefined;
  return { key, value: wished, version: version as number, node };
}

function isValue(kind: "drain" | "weight", value: string): boolean {
  if (kind === "drain") return DRAIN_VALUES.includes(value);
  return value === "file" || (/^(0|[1-9]\d{0,2})$/.test(value) && Number(value) <= 256);
}

/**
 * Takes over wishes; `changed` are those that are new here. Above the limit those with the first keys are kept, whoever
 * told them in which order, so that also full books of all nodes agree.
 */
export function mergeWishes(
  book: WishBook,
  wishes: Iterable<MemberWish>,
): { readonly book: WishBook; readonly changed: readonly MemberWish[] } {
  const merged = new Map(book);
  const touched = new Set<string>();
  for (const wish of wishes) {
    const mine = merged.get(wish.key);
    if (mine !== undefined && !supersedes(wish, mine)) continue;
    merged.set(wish.key, wish);
    touched.add(wish.key);
  }
  if (merged.size > MAX_MEMBER_WISHES) {
    for (const key of [...merged.keys()].sort().slice(MAX_MEMBER_WISHES)) merged.delete(key);
  }
  const changed = [...touched].flatMap((key) => merged.get(key) ?? []);
  return changed.length === 0 && merged.size === book.size ? { book, changed } : { book: merged, changed };
}

/** The wish that states this anew, newer than everything known here. */
export function stateWish(book: WishBook, wish: Omit<MemberWish, "version">): MemberWish {
  return { ...wish, version: Math.min((book.get(wish.key)?.version ?? 0) + 1, MAX_VERSION) };
}

/** There is no room for another member's wish. */
export function isFull(book: WishBook, key: string): boolean {
  return book.size >= MAX_MEMBER_WISHES && !book.has(key);
}

export function isDrained(book: WishBook, key: MemberKey): boolean {
  const value = book.get(drainKey(key))?.value;
  return value === "on" || value === "force";
}

/** Drained by somebody who said that it counts also when nobody else is left. */
export function isDrainForced(book: WishBook, key: MemberKey): boolean {
  return book.get(drainKey(key))?.value === "force";
}

/** Undefined: as the cluster file says. */
export function wishedWeight(book: WishBook, key: MemberKey): number | undefined {
  const value = book.get(weightKey(key))?.value;
  return value === undefined || value === "file" ? undefined : Number(value);
}

/** Those of mine that another node, which knows `theirs`, must be told. */
export function wishesToTell(mine: WishBook, theirs: WishBook): readonly MemberWish[] {
  return [...mine.values()].filter((wish) => {
    const known = theirs.get(wish.key);
    return known === undefined || supersedes(wish, known);
  });
}

function supersedes(a: MemberWish, b: MemberWish): boolean {
  if (a.version !== b.version) return a.version > b.version;
  if (a.key.startsWith("drain/") && a.value !== b.value)
    return DRAIN_VALUES.indexOf(a.value) > DRAIN_VALUES.indexOf(b.value);
  return a.node === b.node ? a.value > b.value : a.node > b.node;
}
