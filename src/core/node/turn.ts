/** One turn of the core: the time of its input, and the effects gathered in order. */

import type { Instant } from "../base/time.ts";
import type { DecisionEvent, Effect } from "./effects.ts";
import type { Reason } from "./reasons.ts";

/** What an event is about and rests on; `facts` are also what its sentence is filled from. */
export interface EventDetails {
  readonly severity?: DecisionEvent["severity"];
  readonly group?: string;
  readonly node?: string;
  readonly link?: number;
  readonly facts?: DecisionEvent["facts"];
}

/** Effects that go with no change of state but that the same look has seen to the end. */
const LEAVES_ALL_AS_IT_IS: ReadonlySet<Effect["kind"]> = new Set(["send", "ask", "open", "announce"]);

export class Turn {
  readonly now: Instant;
  readonly effects: Effect[] = [];
  /** Something changed that other nodes should hear before the next beat. */
  urgent = false;
  /** Something was done that the next look must find, not only told or asked. */
  hasActed = false;

  constructor(now: Instant) {
    this.now = now;
  }

  emit(effect: Effect): void {
    if (!LEAVES_ALL_AS_IT_IS.has(effect.kind)) this.hasActed = true;
    this.effects.push(effect);
  }

  /** Records a decision with its facts. */
  event(reason: Reason, details: EventDetails = {}): DecisionEvent {
    const { severity = "info", group, node, link } = details;
    const named: Record<string, string | number | boolean> = {};
    if (group !== undefined) named["group"] = group;
    if (node !== undefined) named["node"] = node;
    if (link !== undefined) named["link"] = link;
    const event: DecisionEvent = {
      at: this.now,
      severity,
      reason,
      group,
      node,
      link,
      facts: { ...named, ...details.facts },
    };
    this.emit({ kind: "event", event });
    return event;
  }
}
