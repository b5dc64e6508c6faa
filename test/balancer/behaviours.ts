/** All that is expected of engines. */

import type { Behaviour } from "./behaviour.ts";
import { BALANCE } from "./behaviours/balance.ts";
import { HEALTH } from "./behaviours/health.ts";
import { REQUESTS } from "./behaviours/requests.ts";
import { ROUTING } from "./behaviours/routing.ts";
import { RUNTIME } from "./behaviours/runtime.ts";
import { STATIC } from "./behaviours/static.ts";
import { STRANGERS } from "./behaviours/strangers.ts";
import { MORE_STRANGERS } from "./behaviours/strangers-more.ts";
import { TLS } from "./behaviours/tls.ts";

export const BEHAVIOURS: readonly Behaviour[] = [
  ...ROUTING,
  ...REQUESTS,
  ...TLS,
  ...BALANCE,
  ...HEALTH,
  ...RUNTIME,
  ...STATIC,
  ...STRANGERS,
  ...MORE_STRANGERS,
];
