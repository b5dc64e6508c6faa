/**
 * Members' health over a reload. HAProxy reads a file of server states when it loads a config, and believes it over the
 * config: address, port, weight, drain. So the answer of the old worker is not handed on as it is: only what checks found
 * is kept, everything that the config says is taken from the config, and a member that has another address begins anew.
 */

import { renderedServers } from "../../../core/balancer/change.ts";
import type { Wanted } from "../../../core/balancer/wanted.ts";

/** One server of the running worker. */
export interface ServerState {
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** Weight that it was loaded with. */
  readonly loadedWeight: number;
  /** Bits of `srv_admin_state`; 0: nobody forced it to anything. */
  readonly forced: number;
  /** All fields, as read. */
  readonly fields: readonly string[];
}

/** Version of the format, and position of the fields that are used. */
const VERSION = "1";
const FIELD = {
  backend: 1,
  server: 3,
  address: 4,
  admin: 6,
  weight: 7,
  loadedWeight: 8,
  fqdn: 17,
  port: 18,
  checkPort: 21,
};
const FIELDS = 25;

/** Reads the answer to `show servers state`. */
export function parseServerStates(text: string): ServerState[] {
  const [version, ...lines] = text.split("\n");
  if (version?.trim() !== VERSION) return [];
  return lines.flatMap((line) => {
    const fields = line.trim().split(" ");
    if (line.startsWith("#") || fields.length < FIELDS) return [];
    const at = (index: number): string => fields[index] ?? "";
    return [
      {
        backend: at(FIELD.backend),
        server: at(FIELD.server),
        address: at(FIELD.address),
        port: Number(at(FIELD.port)),
        weight: Number(at(FIELD.weight)),
        loadedWeight: Number(at(FIELD.loadedWeight)),
        forced: Number(at(FIELD.admin)),
        fields,
      },
    ];
  });
}

/** The file for the next worker: what checks found about members that are the same in the next config. */
export function stateFileText(states: readonly ServerState[], next: Wanted): string {
  const rendered = new Map(renderedServers(next).map((server) => [`${server.backend}/${server.server}`, server]));
  const header = "# made from the running worker's servers; only what their checks found is kept";
  const lines = states.flatMap((state) => {
    const server = rendered.get(`${state.backend}/${state.server}`);
    if (server === undefined || server.address !== state.address || server.port !== state.port) return [];
    const fields = [...state.fields];
    fields[FIELD.admin] = "0";
    fields[FIELD.weight] = String(server.weight);
    fields[FIELD.loadedWeight] = String(server.weight);
    return [fields.join(" ")];
  });
  return [VERSION, header, ...lines, ""].join("\n");
}
