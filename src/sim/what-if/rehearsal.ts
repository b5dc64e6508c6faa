/**
 * Walks through a script beforehand with nothing but a clock and a list of what is wrong, to find what cannot be:
 * booting a server that runs, healing what is whole. Times are known exactly, because only `wait` takes any.
 */

import { formatDuration } from "../../core/config/duration.ts";
import type { Names } from "./names.ts";
import { type Action, endedBy, keysOf, type Remedy, type Trouble } from "./statement.ts";

/** Why a statement cannot be played, and what to do. */
export interface Hitch {
  readonly message: string;
  readonly next: string;
}

/** What is wrong at a moment of the script. */
export class Rehearsal {
  readonly #names: Names;
  readonly #gateways: readonly (readonly string[])[];
  /** When each open trouble ends by itself. */
  readonly #open = new Map<string, number>();
  #nowMs = 0;

  constructor(options: { names: Names; gateways: readonly (readonly string[])[] }) {
    this.#names = options.names;
    this.#gateways = options.gateways;
  }

  /** Plays one statement; answers why it cannot be. */
  play(action: Action): Hitch | undefined {
    switch (action.kind) {
      case "wait":
        this.#pass(action.ms);
        return undefined;
      case "trouble":
        return this.#begin(action.trouble);
      case "remedy":
        return this.#end(action.remedy);
      case "dies":
        return this.#isOff(action.node);
      case "request":
        return this.#request(action);
      case "expect":
        return this.#expect(action);
    }
  }

  #pass(ms: number): void {
    this.#nowMs += ms;
    for (const [key, end] of this.#open) if (end <= this.#nowMs) this.#open.delete(key);
  }

  #name(node: number): string {
    return this.#names.nodes[node] ?? "?";
  }

  /** Is the machine without power? */
  #isOff(node: number): Hitch | undefined {
    if (!this.#open.has(`power/${node}`)) return undefined;
    return { message: `${this.#name(node)} has no power${this.#until(`power/${node}`)}`, next: "boot it first" };
  }

  #until(key: string): string {
    const end = this.#open.get(key);
    return end === undefined || end === Number.POSITIVE_INFINITY
      ? ""
      : ` for another ${formatDuration(end - this.#nowMs)}`;
  }

  /** Why this node's daemon can do nothing now. */
  #isMute(node: number): Hitch | undefined {
    const name = this.#name(node);
    const off = this.#isOff(node);
    if (off !== undefined) return off;
    if (this.#open.has(`daemon/${node}`))
      return { message: `${name}'s daemon does not run${this.#until(`daemon/${node}`)}`, next: "start it first" };
    if (this.#open.has(`freeze/${node}`))
      return { message: `${name}'s daemon is frozen${this.#until(`freeze/${node}`)}`, next: "thaw it first" };
    if (this.#open.has(`pause/${node}`))
      return { message: `${name} stands still${this.#until(`pause/${node}`)}`, next: "wait until the pause is over" };
    return undefined;
  }

  #begin(trouble: Trouble): Hitch | undefined {
    const hitch = this.#hinders(trouble);
    if (hitch !== undefined) return hitch;
    const end = trouble.forMs === undefined ? Number.POSITIVE_INFINITY : this.#nowMs + trouble.forMs;
    if (trouble.kind === "power") for (const key of runningThings(trouble.node)) this.#open.delete(key);
    if (trouble.kind === "kill") this.#open.delete(`freeze/${trouble.node}`);
    for (const key of keysOf(trouble)) if (!this.#open.has(key) || isReplaceable(trouble)) this.#open.set(key, end);
    return undefined;
  }

  #hinders(trouble: Trouble): Hitch | undefined {
    switch (trouble.kind) {
      case "power":
        return this.#isOff(trouble.node);
      case "stop":
      case "freeze":
      case "block":
        return this.#isMute(trouble.node) ?? this.#isSoAlready(trouble);
      case "kill":
        return this.#open.has(`freeze/${trouble.node}`) ? undefined : this.#isMute(trouble.node);
      case "suspend":
      case "pause":
        return this.#isOff(trouble.node) ?? this.#isSoAlready(trouble);
      case "gateway": {
        if (trouble.links.some((link) => (this.#gateways[link]?.length ?? 0) > 0)) return this.#isSoAlready(trouble);
        const next = "name it under `gateways` in the cluster file";
        return { message: `no gateway is known on ${this.#names.linkText(trouble.links[0] ?? 0)}`, next };
      }
      case "service":
      case "monitor":
      case "loss":
      case "delay":
        return undefined;
      default:
        return this.#isSoAlready(trouble);
    }
  }

  #isSoAlready(trouble: Trouble): Hitch | undefined {
    const keys = keysOf(trouble);
    if (keys.some((key) => !this.#open.has(key))) return undefined;
    return { message: "it is so already", next: "leave it out, or end the first one before" };
  }

  #end(remedy: Remedy): Hitch | undefined {
    const ended = endedBy(remedy, this.#open.keys());
    if (ended.length === 0) return this.#isWhole(remedy);
    if (remedy.kind === "start") {
      const off = this.#isOff(remedy.node);
      if (off !== undefined) return off;
    }
    for (const key of ended) this.#open.delete(key);
    return undefined;
  }

  /** Why there is nothing to end. */
  #isWhole(remedy: Remedy): Hitch {
    const next = "leave it out, or break it before";
    switch (remedy.kind) {
      case "boot":
        return {
          message: `${this.#name(remedy.node)} has power already`,
          next: `power ${this.#name(remedy.node)} first`,
        };
      case "start":
        return (
          this.#isOff(remedy.node) ?? {
            message: `${this.#name(remedy.node)}'s daemon runs already`,
            next: `kill or stop it first; \`restart ${this.#name(remedy.node)}\` restarts a daemon that runs`,
          }
        );
      case "thaw":
        return { message: `${this.#name(remedy.node)}'s daemon is not frozen`, next };
      case "loss-over":
        return { message: "nothing is lost there", next };
      case "delay-over":
        return { message: "nothing is delayed there", next };
      case "gateway-up":
        return { message: "the gateway is up already", next };
      case "monitor-up":
        return { message: `${remedy.monitor} is up on ${this.#name(remedy.node)} already`, next };
      case "service-works":
        return { message: `${remedy.service} works on ${this.#name(remedy.node)} already`, next };
      case "heal":
        return { message: remedy.what === "all" ? "nothing is broken" : "nothing is broken there", next };
    }
  }

  #request({ verb, node }: Extract<Action, { kind: "request" }>): Hitch | undefined {
    if (node !== undefined) return this.#isMute(node);
    const isHeard = this.#names.nodes.some((_, index) => this.#isMute(index) === undefined);
    if (isHeard) return undefined;
    return { message: `no daemon runs that could be asked to ${verb.verb}`, next: "boot, start or thaw one first" };
  }

  #expect({ group, wanted }: Extract<Action, { kind: "expect" }>): Hitch | undefined {
    if (wanted.kind !== "on") return undefined;
    const preferred = this.#names.preferred(group);
    const name = this.#name(wanted.node);
    if (preferred.includes(name)) return undefined;
    return { message: `${name} never holds ${group}`, next: `its \`prefer\` names ${preferred.join(", ")}` };
  }
}

/** What a power loss ends on its machine. */
export function runningThings(node: number): string[] {
  return ["daemon", "freeze", "block", "pause"].map((kind) => `${kind}/${node}`);
}

/** The last word counts: another share, another delay, another mood. */
export function isReplaceable({ kind }: Trouble): boolean {
  return kind === "loss" || kind === "delay" || kind === "monitor" || kind === "service";
}
