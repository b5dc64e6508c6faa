/** Inputs, effects and frames as one line each, for verbose traces. */

import type { Instant } from "../core/base/time.ts";
import type { Frame } from "../core/membership/frame.ts";
import type { Effect } from "../core/node/effects.ts";
import type { Input } from "../core/node/inputs.ts";

/** What a core is told. */
export function describeInput(input: Input): string {
  if (input.kind === "frame") return `frame from ${input.frame.node} ${describeFrame(input.frame)}`;
  if (input.kind === "answer")
    return `${input.mac} answers ${input.probe} ${input.address}, asked ${(input.now - input.sentAt).toFixed(2)} ms ago`;
  const { kind, now: _, ...rest } = input;
  return `${kind} ${JSON.stringify(rest)}`;
}

/** What a core wants done. */
export function describeEffect(effect: Effect, now: Instant): string {
  switch (effect.kind) {
    case "send":
      return `send to ${effect.to} ${describeFrame(effect.frame)}`;
    case "open":
      return `open ${effect.vips.map((vip) => vip.id).join(" ")} for ${(effect.until - now).toFixed(2)} ms`;
    case "ask":
      return `ask ${effect.probe} ${effect.address} on link ${effect.link}`;
    case "close":
    case "place":
    case "announce":
      return `${effect.kind} ${effect.vips.map((vip) => vip.id).join(" ")}`;
    case "event":
      return `event ${effect.event.reason}`;
    default:
      return effect.kind;
  }
}

function describeFrame(frame: Frame): string {
  const groups = frame.groups.map(
    (group) =>
      `${group.name}:${group.epoch}/${group.granted}=${group.holder ?? "-"},${group.role}${group.to === undefined ? "" : `,to ${group.to}`}`,
  );
  const heard = frame.heard.map((one) => `${one.link}:${one.sequence}-${one.ageMs.toFixed(0)}`);
  const claims = frame.claims.map((claim) => ` claims ${claim.group}@${claim.epoch}`);
  const answers = frame.claimAnswers.map(
    (answer) =>
      ` ${answer.granted ? "grants" : "refuses"} ${answer.group}@${answer.epoch}${answer.reason === "" ? "" : ` (${answer.reason})`}`,
  );
  return `${frame.kind} ${frame.link}:${frame.sequence} ${frame.mode} heard ${heard.join(",")} reach ${frame.reach.join("")} ${groups.join(" ")}${claims.join("")}${answers.join("")}`;
}
