/**
 * Every decision has a reason. What others see of a node's decisions (a gate that opens or closes, a role or a mode
 * in its frames) must be matched by an event that the node recorded, before or soon after; and every event must have
 * a word that is known and all facts that its sentence names. Pure: whoever watches the nodes feeds it.
 */

/** An event as a node recorded it. */
export interface RecordedEvent {
  readonly at: number;
  /** The node that recorded it. */
  readonly node: string;
  readonly reason: string;
  readonly group: string | undefined;
  /** Everything that the sentence may name. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What was seen from outside. */
export interface SeenChange {
  readonly at: number;
  readonly node: string;
  /** The group that it is about; undefined when it is about the whole node. */
  readonly group: string | undefined;
  /** For people: `opened its gate`, `went from holding to idle`. */
  readonly what: string;
  /** Any of these words explains it. */
  readonly reasons: readonly string[];
  /** When the state before was last seen; an event since then explains it. Absent means just before. */
  readonly since?: number;
}

/** Watches the events and the visible changes of all nodes. */
export class Reasons {
  readonly name = "every decision has a reason";
  /** Events and changes compared. */
  runs = 0;
  readonly #sentences: Readonly<Record<string, string>>;
  readonly #withinMs: number;
  /** Names that each sentence is filled with, found once. */
  readonly #names = new Map<string, readonly string[]>();
  /** Per node: when each word was last recorded, by word and group. */
  readonly #last = new Map<string, Map<string, number>>();
  #open: { readonly change: SeenChange; dueAt: number }[] = [];

  /** `sentences`: every known word with its sentence; `withinMs`: how far an event may lie from what it explains. */
  constructor(options: { sentences: Readonly<Record<string, string>>; withinMs: number }) {
    this.#sentences = options.sentences;
    this.#withinMs = options.withinMs;
  }

  /** Takes an event in; tells what is wrong with its word or its facts. */
  event(event: RecordedEvent): string | undefined {
    this.runs += 1;
    const last = this.#last.get(event.node) ?? new Map<string, number>();
    last.set(keyOf(event.reason, event.group), event.at);
    this.#last.set(event.node, last);
    this.#open = this.#open.filter(({ change }) => !explains(event, change));
    const names = this.#namesOf(event.reason);
    if (names === undefined) return `${event.node} recorded ${event.reason}, a word that nobody knows`;
    const missing = names.filter((name) => isEmpty(event.facts[name]));
    if (missing.length === 0) return undefined;
    return `${event.node} recorded ${event.reason} without ${missing.join(", ")}`;
  }

  /** Something was seen; it must be explained by an event already recorded or recorded soon. */
  changed(change: SeenChange): void {
    this.runs += 1;
    const last = this.#last.get(change.node);
    const from = Math.min(change.since ?? change.at, change.at) - this.#withinMs;
    const isTold = (key: string): boolean => (last?.get(key) ?? Number.NEGATIVE_INFINITY) >= from;
    if (change.reasons.some((reason) => isTold(keyOf(reason, change.group)) || isTold(keyOf(reason, undefined))))
      return;
    this.#open.push({ change, dueAt: change.at + this.#withinMs });
  }

  /** The node's daemon ended: what it decided in its last moment may be on no record. */
  gone(node: string): void {
    if (this.#open.length > 0) this.#open = this.#open.filter(({ change }) => change.node !== node);
    this.#last.delete(node);
  }

  /** Time passes; tells of each change that nothing explained. A node that does not run now gets its time again. */
  advance(now: number, runs: (node: string) => boolean): string[] {
    if (this.#open.length === 0) return [];
    const late: string[] = [];
    for (const open of this.#open) {
      const { node, what, group, at } = open.change;
      if (!runs(node)) open.dueAt = now + this.#withinMs;
      if (now < open.dueAt) continue;
      const about = group === undefined ? "" : ` of ${group}`;
      late.push(`${node} ${what}${about} at ${(at / 1_000).toFixed(3)} s, and no event says why`);
    }
    if (late.length > 0) this.#open = this.#open.filter(({ dueAt }) => now < dueAt);
    return late;
  }

  #namesOf(reason: string): readonly string[] | undefined {
    const known = this.#names.get(reason);
    if (known !== undefined) return known;
    const sentence = Object.hasOwn(this.#sentences, reason) ? this.#sentences[reason] : undefined;
    if (sentence === undefined) return undefined;
    const names = [...sentence.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
    this.#names.set(reason, names);
    return names;
  }
}

function keyOf(reason: string, group: string | undefined): string {
  return `${reason} ${group ?? ""}`;
}

function explains(event: RecordedEvent, change: SeenChange): boolean {
  if (event.node !== change.node || !change.reasons.includes(event.reason)) return false;
  return event.group === undefined || change.group === undefined || event.group === change.group;
}

function isEmpty(fact: unknown): boolean {
  return fact === undefined || fact === "" || (typeof fact === "number" && Number.isNaN(fact));
}
