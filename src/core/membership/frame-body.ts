/**
 * The body of a frame: JSON in plain ASCII, lists by position so that 32 groups fit into one datagram. The
 * decoder is strict and written by hand: it runs for every heartbeat in the thread that must never be late,
 * and whatever it lets through is believed by everything behind it.
 *
 * Two versions exist, so that a cluster can be upgraded node by node:
 *   version 2 (current): `restart` and one `reach` per link;
 *   version 1: one `reach` for the whole node, no `restart` (a version 1 node never hands its leases over).
 */

import { MAX_GROUPS, MAX_LINKS, MAX_NAME_LENGTH, MAX_NODES } from "../base/limits.ts";
import type { GroupRole, NodeMode } from "../base/words.ts";
import type { Claim, ClaimAnswer, Frame, GroupReport, Heard, Wish } from "./frame.ts";

/** The parts of a frame that travel in its body; the rest is in the envelope. */
export type FrameBody = Omit<Frame, "version" | "speaks" | "kind" | "node" | "incarnation" | "sequence" | "link">;

/** Operators' wishes in one frame: one for maintenance, one per node, three per group. */
export const MAX_WISHES = 1 + MAX_NODES + 3 * MAX_GROUPS;

/** The longest duration that a frame can name, in milliseconds; longer ones are cut to it. */
export const MAX_DURATION_MS = 1_000_000_000;

const MAX_WORD_LENGTH = 2 * MAX_NAME_LENGTH + 2;
const MODES: readonly NodeMode[] = ["observing", "online", "standby", "left"];
const ROLES: readonly GroupRole[] = ["idle", "starting", "holding", "lapsed", "stopping", "stuck"];
const ELIGIBLE = 1;
const SOFT = 2;

/** The body's text in the given version is its head and its rest; characters beyond ASCII are escaped. */
export function writeBody(body: FrameBody, version: number): string {
  return writeHead(body) + writeRest(body, version);
}

/** What changes with every beat. */
export function writeHead({ config, mode, heard }: Pick<FrameBody, "config" | "mode" | "heard">): string {
  const list = heard.map((h) => [h.link, h.incarnation, h.sequence, tenthsUp(h.ageMs)]);
  return escape(JSON.stringify({ config, mode, heard: list }).slice(0, -1));
}

/** What changes seldom. */
export function writeRest(body: FrameBody, version: number): string {
  const common = {
    groups: body.groups.map(writeGroup),
    claims: body.claims.map((c) => [c.group, c.epoch]),
    answers: body.claimAnswers.map((a) => [a.group, a.epoch, a.granted ? 1 : 0, a.reason]),
    wishes: body.wishes.map((w) => [w.key, w.value, w.version, w.node]),
  };
  const text =
    version === 1
      ? JSON.stringify({ ...common, reach: body.reach.length === 0 ? 0 : Math.max(...body.reach) })
      : JSON.stringify({ ...common, reach: body.reach, restart: tenthsUp(body.restartMs) });
  return escape(`,${text.slice(1)}`);
}

function escape(text: string): string {
  // Names are ASCII as a rule: looking is cheaper than replacing nothing.
  if (!/[\u007f-\uffff]/.test(text)) return text;
  return text.replaceAll(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A body that was read, with the lengths of what stands in its text before and behind the list of what was heard. */
export interface SaidBody {
  readonly body: FrameBody;
  /** 0 where the list's place is not certain. */
  readonly before: number;
  readonly behind: number;
}

/** The beginning of a body as `writeHead` writes it: what follows is the list of the whole body, of nothing inside it. */
const BEFORE_HEARD = /^\{"config":"[^"\\]*","mode":"[a-z]*","heard":\[/;
const BEHIND_HEARD = '],"groups":';

/**
 * The body in a text that differs from one read before in nothing but what was heard, which is true of most beats:
 * `text` is what stands between what is the same. It is the same as reading all, because a list that is valid by itself
 * can stand in its place. Undefined when it is not valid.
 */
export function rereadBody(text: string, { body, before, behind }: SaidBody): SaidBody | undefined {
  let list: unknown;
  try {
    list = JSON.parse(`[${text}]`);
  } catch {
    return undefined;
  }
  const check = new Checker();
  const heard = readHeardList(check, list);
  return check.failed ? undefined : { body: { ...body, heard }, before, behind };
}

/** The body in `text`, or undefined when anything in it is not as it must be. `links` is the sender's number of links. */
export function readBody(text: string, version: number, links: number): SaidBody | undefined {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof root !== "object" || root === null || Array.isArray(root)) return undefined;
  const from = root as Readonly<Record<string, unknown>>;
  const check = new Checker();
  const body: FrameBody = {
    config: check.text(from["config"], MAX_WORD_LENGTH),
    mode: check.oneOf(from["mode"], MODES),
    restartMs: version === 1 ? 0 : check.duration(from["restart"]),
    heard: readHeardList(check, from["heard"]),
    groups: check.list(from["groups"], MAX_GROUPS).map((item) => readGroup(check, item)),
    reach:
      version === 1
        ? wholeReach(check, from["reach"], links)
        : check.list(from["reach"], MAX_LINKS).map((r) => check.whole(r, 2)),
    claims: check.list(from["claims"], MAX_GROUPS).map((item) => readClaim(check, item)),
    claimAnswers: check.list(from["answers"], MAX_GROUPS).map((item) => readClaimAnswer(check, item)),
    wishes: check.list(from["wishes"], MAX_WISHES).map((item) => readWish(check, item)),
  };
  if (check.failed) return undefined;
  return { body, ...aroundHeard(text) };
}

/** What stands around the list of what was heard in a valid body; nothing where the list's place is not certain. */
function aroundHeard(text: string): { before: number; behind: number } {
  const before = BEFORE_HEARD.exec(text)?.[0].length ?? 0;
  const end = text.indexOf(BEHIND_HEARD, before);
  // Of two lists under one name the last counts.
  const isOnly = end >= 0 && !text.includes('"heard"', end);
  return before > 0 && isOnly ? { before, behind: text.length - end } : { before: 0, behind: 0 };
}

function writeGroup(g: GroupReport): readonly unknown[] {
  const flags = (g.eligible ? ELIGIBLE : 0) | (g.soft ? SOFT : 0);
  const role = ROLES.indexOf(g.role);
  return [
    g.name,
    g.epoch,
    g.granted,
    g.holder ?? 0,
    role,
    tenthsUp(g.leaseMs),
    flags,
    // Sentences may quote what a kernel or command said; a longer one would be refused by the reader.
    g.reason.slice(0, MAX_WORD_LENGTH),
    g.to ?? 0,
    g.seen ?? 0,
  ];
}

function readGroup(check: Checker, item: unknown): GroupReport {
  const at = check.tuple(item, 10);
  const flags = check.whole(at[6], ELIGIBLE | SOFT);
  return {
    name: check.name(at[0]),
    epoch: check.whole(at[1], Number.MAX_SAFE_INTEGER),
    granted: check.whole(at[2], Number.MAX_SAFE_INTEGER),
    holder: check.nameOrNone(at[3]),
    role: ROLES[check.whole(at[4], ROLES.length - 1)] ?? "idle",
    leaseMs: check.duration(at[5]),
    eligible: (flags & ELIGIBLE) !== 0,
    reason: check.text(at[7], MAX_WORD_LENGTH),
    soft: (flags & SOFT) !== 0,
    to: check.nameOrNone(at[8]),
    seen: check.nameOrNone(at[9]),
  };
}

function readHeardList(check: Checker, value: unknown): readonly Heard[] {
  // One more than the links: a peer's new self is echoed beside the known one.
  return check.list(value, MAX_LINKS + 1).map((item) => readHeard(check, item));
}

function readHeard(check: Checker, item: unknown): Heard {
  const at = check.tuple(item, 4);
  return {
    link: check.whole(at[0], MAX_LINKS - 1),
    incarnation: check.incarnation(at[1]),
    sequence: check.whole(at[2], 0xffff_ffff),
    ageMs: check.duration(at[3]),
  };
}

function readClaim(check: Checker, item: unknown): Claim {
  const at = check.tuple(item, 2);
  return { group: check.name(at[0]), epoch: check.whole(at[1], Number.MAX_SAFE_INTEGER) };
}

function readClaimAnswer(check: Checker, item: unknown): ClaimAnswer {
  const at = check.tuple(item, 4);
  return {
    group: check.name(at[0]),
    epoch: check.whole(at[1], Number.MAX_SAFE_INTEGER),
    granted: check.whole(at[2], 1) === 1,
    reason: check.text(at[3], MAX_WORD_LENGTH),
  };
}

function readWish(check: Checker, item: unknown): Wish {
  const at = check.tuple(item, 4);
  return {
    key: check.text(at[0], MAX_WORD_LENGTH),
    value: check.text(at[1], MAX_WORD_LENGTH),
    version: check.whole(at[2], Number.MAX_SAFE_INTEGER),
    node: check.name(at[3]),
  };
}

function wholeReach(check: Checker, value: unknown, links: number): readonly number[] {
  const reach = check.whole(value, 2);
  return Array.from({ length: links }, () => reach);
}

/** Rounds up to a tenth of a millisecond: a longer lease and an older echo are both the careful reading. */
function tenthsUp(ms: number): number {
  if (!(ms > 0)) return 0;
  return Math.min(Math.ceil(ms * 10) / 10, MAX_DURATION_MS);
}

/** Reads values that may be anything; remembers whether one of them was not what it had to be. */
class Checker {
  failed = false;

  text(value: unknown, maxLength: number): string {
    if (typeof value === "string" && value.length <= maxLength) return value;
    return this.#fail("");
  }

  name(value: unknown): string {
    if (typeof value === "string" && value.length > 0 && value.length <= MAX_NAME_LENGTH) return value;
    return this.#fail("");
  }

  nameOrNone(value: unknown): string | undefined {
    return value === 0 ? undefined : this.name(value);
  }

  incarnation(value: unknown): string {
    if (typeof value === "string" && isIncarnation(value)) return value;
    return this.#fail("");
  }

  oneOf<T extends string>(value: unknown, words: readonly T[]): T {
    for (const word of words) if (word === value) return word;
    return this.#fail(words[0] as T);
  }

  whole(value: unknown, max: number): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    return this.#fail(0);
  }

  duration(value: unknown): number {
    if (typeof value === "number" && value >= 0 && value <= MAX_DURATION_MS) return value;
    return this.#fail(0);
  }

  list(value: unknown, maxLength: number): readonly unknown[] {
    if (Array.isArray(value) && value.length <= maxLength) return value;
    return this.#fail([]);
  }

  tuple(value: unknown, length: number): readonly unknown[] {
    if (Array.isArray(value) && value.length === length) return value;
    return this.#fail([]);
  }

  #fail<T>(instead: T): T {
    this.failed = true;
    return instead;
  }
}

/** True for 16 lower-case hexadecimal digits. */
export function isIncarnation(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
