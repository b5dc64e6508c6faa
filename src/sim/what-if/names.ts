/**
 * The names that a script may use for one cluster file, and what they mean. A link has several: its number, the
 * device, and the addresses on it, because `status`, logs and people name it so.
 */

import type { ClusterConfig } from "../../core/config/cluster.ts";
import { canonicalIpAddress } from "../../core/config/ip-address.ts";
import { type Wire, wiresOf } from "../wires.ts";

/** All names of a cluster file, ready to be looked up. */
export class Names {
  readonly nodes: readonly string[];
  readonly groups: readonly string[];
  readonly monitors: readonly string[];
  /** Ids of all services: `GROUP/NAME`, and `everywhere/NAME`. */
  readonly services: readonly string[];
  readonly wires: readonly Wire[];
  readonly #config: ClusterConfig;

  constructor(config: ClusterConfig) {
    this.#config = config;
    this.nodes = config.nodes.map(({ name }) => name);
    this.groups = config.groups.map(({ name }) => name);
    this.monitors = config.monitors.map(({ name }) => name);
    this.services = config.groups
      .flatMap(({ resources }) => resources)
      .filter((resource) => resource.kind === "service")
      .map(({ id }) => id);
    this.wires = wiresOf(config);
  }

  /** Links with that name; with a node, only its own address counts. None means that there is no such name. */
  linksNamed(word: string, node?: number): number[] {
    const address = canonicalIpAddress(word);
    const number = /^(?:link)?([0-9]{1,2})$/.exec(word)?.[1];
    return this.wires
      .filter(({ link, device, addresses }) => {
        if (address === undefined) return device === word || (number !== undefined && Number(number) === link);
        const candidates = node === undefined ? addresses : [addresses[node] ?? ""];
        return candidates.some((candidate) => canonicalIpAddress(candidate) === address);
      })
      .map(({ link }) => link);
  }

  /** Everything that names a link; with a node, as it stands behind `NODE:`. */
  linkWords(node?: number): string[] {
    return this.wires.flatMap(({ link, device, addresses }) => [
      device,
      `link${link}`,
      ...(node === undefined ? addresses : [addresses[node] ?? ""]),
    ]);
  }

  /** How a message names a link: `eth1 (link 1)`. */
  linkText(link: number): string {
    return `${this.wires[link]?.device ?? "?"} (link ${link})`;
  }

  /** Nodes that may ever hold a group. */
  preferred(group: string): readonly string[] {
    return this.#config.groups.find(({ name }) => name === group)?.prefer ?? [];
  }
}
