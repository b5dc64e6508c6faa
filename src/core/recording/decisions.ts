/**
 * The decisions among a step's effects: everything but frames, questions and renewals of gates, in a form that
 * depends on nothing but what was decided. Virtual addresses are told by their names, commands are left out.
 */

import type { VipConfig } from "../config/cluster.ts";
import type { DecisionEvent, Effect } from "../node/effects.ts";
import { leaveSecretsOut } from "./redact.ts";

/** One decision; `kind` is that of the effect, or "threw" for a core that failed. */
export type Decision = Readonly<Record<string, unknown>> & { readonly kind: string };

/** The decisions in order. */
export function decisionsAmong(effects: readonly Effect[], thrown?: string): readonly Decision[] {
  const decisions: Decision[] = [];
  for (const effect of effects) {
    const decision = decisionOf(effect);
    if (decision !== undefined) decisions.push(decision);
  }
  if (thrown !== undefined) decisions.push({ kind: "threw", message: thrown });
  return decisions;
}

function decisionOf(effect: Effect): Decision | undefined {
  switch (effect.kind) {
    case "send":
    case "ask":
    case "open":
      return undefined;
    case "close":
      return { kind: effect.kind, vips: namesOf(effect.vips), remove: effect.remove };
    case "catch":
      return { kind: effect.kind, vips: namesOf(effect.vips), forMs: effect.forMs };
    case "place":
    case "announce":
    case "watch":
      return { kind: effect.kind, vips: namesOf(effect.vips) };
    case "hand-on":
      return { kind: effect.kind, vip: effect.vip.id, mac: effect.mac };
    case "run": {
      const { kind, id, group, resource, action } = effect;
      return { kind, id, group, resource, action };
    }
    case "event":
      return { kind: effect.kind, event: withoutSecrets(effect.event) };
    case "persist":
    case "reply":
      return { ...effect };
  }
}

function namesOf(vips: readonly VipConfig[]): readonly string[] {
  return vips.map(({ id }) => id);
}

function withoutSecrets(event: DecisionEvent): DecisionEvent {
  const { detail } = event.facts;
  if (typeof detail !== "string" || detail === "") return event;
  return { ...event, facts: { ...event.facts, detail: leaveSecretsOut(detail) } };
}
