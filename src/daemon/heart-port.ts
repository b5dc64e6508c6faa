/** What the daemon's parts need from the heart; the worker's handle fits it, and so does a pretended one in tests. */

import type { ReplyEffect } from "../core/node/effects.ts";
import type { Verb } from "../core/node/inputs.ts";
import type { NodeView } from "../core/node/view.ts";
import type { ToHeart } from "./heart/messages.ts";

export type Outcome = ReplyEffect["outcome"];

export interface HeartPort {
  /** Asks the core; rejects when the heart ended meanwhile. */
  request(request: Verb): Promise<Outcome>;
  /** The core's state now; rejects when the heart ended meanwhile. */
  view(): Promise<NodeView>;
  post(message: ToHeart): void;
}
