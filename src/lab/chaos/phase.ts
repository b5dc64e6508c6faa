/**
 * One safety phase: every planned fault as its own small story (wait, find whom it hits, inflict, last, undo), all at
 * once. What is impossible when its time comes is skipped and told; what cannot be undone in time is left to the end.
 */

import { nowMs } from "../clock.ts";
import type { Lab } from "../lab.ts";
import type { LabNode } from "../lab-node.ts";
import { PUBLIC_VIP } from "../plan.ts";
import type { Skipped } from "./evidence.ts";
import { inflict, isLate, undo } from "./inflict.ts";
import type { Strike } from "./inflict.ts";
import { kindOf } from "./kinds.ts";
import type { KindName, Slot } from "./kinds.ts";
import type { PlannedFault, PlannedPhase } from "./schedule.ts";

/** A spell that is under way or over. */
export interface OpenSpell {
  readonly fault: PlannedFault;
  readonly node: string | undefined;
  readonly fromMs: number;
  doneMs: number;
  /** Undefined while it lasts. */
  toMs: number | undefined;
}

/** Slots in which any number of faults may be at once. */
const FREE_SLOTS: ReadonlySet<Slot> = new Set(["wire", "moment", "kernel", "address"]);
/** Slots whose faults end when their node loses its power. */
const VOLATILE_SLOTS: ReadonlySet<Slot> = new Set(["daemon", "nginx", "carrier", "clock"]);
/**
 * An address without guard on a node whose daemon does not run is two holders by an administrator's own hand. The
 * daemon needs milliseconds to mend its guard; so long it is left alone.
 */
const APART_MS = 3_500;
/** Faults that need the node's own guard to be harmless, and how long its daemon may take to show that it is there. */
const UNGUARDED: ReadonlySet<KindName> = new Set(["flush", "add-address"]);
const GUARD_LIMIT_MS = 500;

export class Phase {
  readonly spells: OpenSpell[] = [];
  readonly skipped: Skipped[] = [];
  /** What operators did and have not undone. */
  readonly wishes = { standby: new Set<string>(), maintenance: false };
  readonly #lab: Lab;
  readonly #say: (line: string) => void;
  readonly #taken = new Map<string, KindName>();
  readonly #latest = new Map<string, number>();
  #lastHolder: string;

  constructor(lab: Lab, { holder, say }: { holder: string; say: (line: string) => void }) {
    this.#lab = lab;
    this.#say = say;
    this.#lastHolder = holder;
  }

  /** Returns when the phase's time is over, or `signal` ends it, and no fault is being inflicted or undone any more. */
  async run(planned: PlannedPhase, signal: AbortSignal): Promise<void> {
    const fromMs = nowMs();
    const over = AbortSignal.any([signal, AbortSignal.timeout(planned.lengthMs)]);
    await Promise.all([
      wait(planned.lengthMs, over),
      ...planned.faults.map((fault) => this.#story(fault, fromMs, over)),
    ]);
  }

  async #story(fault: PlannedFault, phaseMs: number, over: AbortSignal): Promise<void> {
    await wait(phaseMs + fault.atMs - nowMs(), over);
    if (over.aborted) return;
    const holder = await this.#holder();
    const node = this.#lab.node(whom(fault, holder));
    const hit = fault.target.kind === "everybody" ? undefined : node.name;
    const strike: Strike = { lab: this.#lab, fault, node };
    const why = this.#obstacle(fault, node, holder) ?? (await this.#withoutGuard(fault, node));
    if (why !== undefined) return this.#skip(fault, hit, why);
    const free = this.#take(fault, node);
    const spell: OpenSpell = { fault, node: hit, fromMs: nowMs(), doneMs: nowMs(), toMs: undefined };
    try {
      this.#wished(fault, node, true);
      await inflict(strike);
    } catch (error) {
      // An order that nobody answered in time may yet be followed.
      if (!isLate(error as Error)) {
        this.#wished(fault, node, false);
        free();
        return this.#skip(fault, hit, (error as Error).message);
      }
    }
    spell.doneMs = nowMs();
    this.spells.push(spell);
    this.#say(
      `  #${fault.id} ${fault.name}${hit === undefined ? "" : ` on ${hit}`}${hit === holder ? ", which serves" : ""}`,
    );
    await wait(fault.durationMs, over);
    await this.#end(strike, spell);
    free();
  }

  async #end(strike: Strike, spell: OpenSpell): Promise<void> {
    const { fault, node } = strike;
    try {
      await undo(strike);
      this.#wished(fault, node, false);
      spell.toMs = nowMs();
      if (fault.name === "power-off") this.#endedByPower(node.name);
    } catch (error) {
      // Somebody else's deed undid it. Whatever else it is, the end of the phase puts it right.
      if (/runs already|does not run/.test((error as Error).message)) spell.toMs = nowMs();
    }
  }

  /** A node that booted is free of what was done to its programs and cables before. */
  #endedByPower(node: string): void {
    for (const spell of this.spells) {
      if (spell.node === node && VOLATILE_SLOTS.has(kindOf(spell.fault.name).slot)) spell.toMs ??= nowMs();
    }
  }

  /** Why this fault is not possible now; undefined when it is. */
  #obstacle({ name }: PlannedFault, node: LabNode, holder: string): string | undefined {
    const { slot, hits } = kindOf(name);
    if (hits === "cluster") {
      const other = this.#taken.get(slotKey(slot, undefined));
      return other === undefined ? undefined : `${other} goes on`;
    }
    if (hits === "standby" && node.name === holder) return `${node.name} serves`;
    const off = this.#taken.get(slotKey("power", node.name));
    if (off !== undefined) return `${node.name} has no power`;
    const other = FREE_SLOTS.has(slot) ? undefined : this.#taken.get(slotKey(slot, node.name));
    if (other !== undefined) return `${other} goes on`;
    const daemon = this.#taken.get(slotKey("daemon", node.name));
    const isUnguarded = UNGUARDED.has(name);
    if (isUnguarded && daemon !== undefined) return `${node.name}'s daemon does not run`;
    if (slot === "daemon" && this.#wasLately("flush", node.name)) return `${node.name}'s guard was just removed`;
    if (isUnguarded && (this.#wasLately("restart", node.name) || this.#wasLately("flush", node.name)))
      return `${node.name}'s guard may be away`;
    if (name === "flush" && this.#wasLately("add-address", node.name)) return "an address was added by hand";
    return undefined;
  }

  /** A daemon that is just starting has not put up its guard: without it, an address added by hand serves. */
  async #withoutGuard({ name }: PlannedFault, node: LabNode): Promise<string | undefined> {
    if (!UNGUARDED.has(name)) return undefined;
    const isUp = await this.#lab.view(node.name, GUARD_LIMIT_MS).catch(() => undefined);
    return isUp === undefined ? `${node.name}'s daemon does not answer` : undefined;
  }

  #wasLately(name: KindName, node: string): boolean {
    return nowMs() - (this.#latest.get(`${name} ${node}`) ?? Number.NEGATIVE_INFINITY) < APART_MS;
  }

  /** Takes the fault's slot; returns what gives it back. */
  #take({ name }: PlannedFault, node: LabNode): () => void {
    const { slot, hits } = kindOf(name);
    this.#latest.set(`${name} ${node.name}`, nowMs());
    if (FREE_SLOTS.has(slot)) return () => {};
    const key = slotKey(slot, hits === "cluster" ? undefined : node.name);
    this.#taken.set(key, name);
    return () => this.#taken.delete(key);
  }

  #wished({ name }: PlannedFault, node: LabNode, isWished: boolean): void {
    if (name === "maintenance") this.wishes.maintenance = isWished;
    if (name !== "standby") return;
    if (isWished) this.wishes.standby.add(node.name);
    else this.wishes.standby.delete(node.name);
  }

  #skip(fault: PlannedFault, node: string | undefined, why: string): void {
    const [first = ""] = why.trim().split("\n");
    this.skipped.push({ fault, node, why: first });
    this.#say(`  #${fault.id} ${fault.name}${node === undefined ? "" : ` on ${node}`} skipped: ${first}`);
  }

  /** Who serves now as the wire shows, or did last. */
  async #holder(): Promise<string> {
    const [holder] = (await this.#lab.holders.serving())[PUBLIC_VIP] ?? [];
    if (holder !== undefined && this.#lab.nodes.some(({ name }) => name === holder)) this.#lastHolder = holder;
    return this.#lastHolder;
  }
}

function whom({ target, other }: PlannedFault, holder: string): string {
  switch (target.kind) {
    case "holder":
      return holder;
    case "node":
      return target.node;
    case "standby":
      return target.order.find((node) => node !== holder) ?? holder;
    case "everybody":
      return other;
  }
}

function slotKey(slot: Slot, node: string | undefined): string {
  return `${slot} ${node ?? "everybody"}`;
}

/** Waits that long, or until the signal. */
function wait(ms: number, over: AbortSignal): Promise<void> {
  if (over.aborted || ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      over.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    over.addEventListener("abort", end);
  });
}
