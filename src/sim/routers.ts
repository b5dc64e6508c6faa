/**
 * The routers of each segment: who answers for the gateway's addresses. One machine, a pair with one virtual address
 * and hardware address, or two with an address each.
 */

import { portMac } from "./cluster.ts";
import type { World } from "./world.ts";

/** The hardware address of a virtual router (RFC 5798). */
const VIRTUAL_MAC = "00:00:5e:00:01:01";

/** Without its partner's advertisements for so long, a pair's second router answers: three times a second's tenth. */
const FAILOVER_MS = 360;

export class Routers {
  readonly #world: World;
  /** Per link: since when the second router of a pair does not hear the first. */
  readonly #aloneSince: (number | undefined)[];

  constructor(world: World) {
    this.#world = world;
    this.#aloneSince = world.wires.map(() => undefined);
  }

  /** Cables, trunks or routers changed. */
  look(): void {
    const { network, now } = this.#world;
    for (let link = 0; link < network.links; link++) {
      if (network.layout(link).mode !== "vrrp") continue;
      const hears =
        this.isUp(link, network.gateway) && network.isOpen(link, network.gateway, network.gateway + 1, "raw");
      if (hears) this.#aloneSince[link] = undefined;
      else this.#aloneSince[link] ??= now;
    }
  }

  /** Does it run? Only the first of a link's routers ever fails. */
  isUp(link: number, host: number): boolean {
    const { network } = this.#world;
    return this.#world.hasGateway(link) && (host !== network.gateway || network.gatewayDown[link] === 0);
  }

  /** Does it route for clients now? Of a pair only the one that has the virtual address. */
  isActive(link: number, host: number): boolean {
    const { network, now } = this.#world;
    if (!this.isUp(link, host)) return false;
    if (network.layout(link).mode !== "vrrp" || host === network.gateway) return true;
    const since = this.#aloneSince[link];
    return since !== undefined && now - since >= FAILOVER_MS;
  }

  /** Hardware address with which a router answers for this address; undefined when it is not its own. */
  macFor(link: number, host: number, address: string): string | undefined {
    const { network, gateways } = this.#world;
    const own = gateways[link] ?? [];
    const isTwins = network.layout(link).mode === "twins";
    const index = own.indexOf(address);
    const has = isTwins ? index >= 0 && index % 2 === host - network.gateway : index >= 0;
    if (!has || !this.isActive(link, host)) return undefined;
    return network.layout(link).mode === "vrrp" ? VIRTUAL_MAC : portMac(link, host);
  }
}
