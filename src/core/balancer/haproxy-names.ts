/**
 * Names that the rendered HAProxy config and those who talk to the running HAProxy must agree on. Pools keep their own
 * names; everything of ours has a colon, which no name in a cluster file can have.
 */

import type { EnginePlace } from "./wanted.ts";

/** The backend that serves when the checks of `pool` left it without a member, or are suspected: all members, unchecked. */
export function fallbackName(pool: string): string {
  return `${pool}:all`;
}

/** Runtime map whose keys are the pools that are served by their fallback, whatever the checks say. */
export const PANIC_MAP = "maps/panic.map";

/** Value of every entry of the panic map. */
export const PANIC_VALUE = "on";

/** The ring that members' changes of health are written to, one line each. */
export const RING = "events";

/** Proxy of the page with figures. */
export const STATS_PROXY = "stats:page";

/** List of users of the page with figures; it stands in a file of its own that the host writes. */
export const STATS_USERS = "stats:users";

/** The settings file, relative to the engine's directory. */
export const CONFIG_FILE = "haproxy.cfg";

/** The file with the page's user, relative to the engine's directory; never rendered, because it holds a password. */
export const USERS_FILE = "users.cfg";

/** Socket of the runtime interface. */
export function runtimeSocket(place: EnginePlace): string {
  return `${place.directory}/runtime.sock`;
}

/** Where the states of all servers are kept over a reload. */
export function stateFile(place: EnginePlace): string {
  return `${place.directory}/servers.state`;
}
