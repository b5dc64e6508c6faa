/** A decision as one sentence, the same in the record, the journal and on the command line. */

import type { DecisionEvent } from "../core/node/effects.ts";
import { explain } from "../core/node/reasons.ts";

/** The reason's sentence with the event's own words and facts filled in. */
export function sentenceOf(event: Pick<DecisionEvent, "reason" | "facts" | "group" | "node" | "link">): string {
  const own = Object.entries({ node: event.node, group: event.group, link: event.link }).filter(
    ([, value]) => value !== undefined,
  );
  return explain(event.reason, { ...Object.fromEntries(own), ...event.facts });
}
