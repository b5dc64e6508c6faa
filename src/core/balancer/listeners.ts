/**
 * Which sites answer where. Sites with the same address and port share a listener, and those on all addresses of a
 * family answer on each of its addresses too. Places with the same sites are one listener, so that an engine has one
 * set of rules for them.
 */

import type { BalancerConfig, SiteConfig } from "../config/balancer.ts";

export interface Listener {
  readonly port: number;
  readonly tls: boolean;
  /** In the order in which sites name them. */
  readonly addresses: readonly string[];
  /** In the config's order. */
  readonly sites: readonly SiteConfig[];
}

interface Place {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly sites: Set<number>;
}

const EVERY = ["0.0.0.0", "::"];

/** In the order in which sites name them first. */
export function listenersOf(config: BalancerConfig): readonly Listener[] {
  const places = placesOf(config.sites);
  for (const place of places.values()) {
    const every = places.get(placeKey(familyWide(place.address), place.port));
    for (const site of every?.sites ?? []) place.sites.add(site);
  }
  const listeners = new Map<string, { place: Place; addresses: string[] }>();
  for (const place of places.values()) {
    const sites = [...place.sites].sort((a, b) => a - b);
    const key = `${place.port} ${place.tls} ${sites.join(",")}`;
    const known = listeners.get(key);
    if (known === undefined) listeners.set(key, { place, addresses: [place.address] });
    else known.addresses.push(place.address);
  }
  return [...listeners.values()].map(({ place, addresses }) => ({
    port: place.port,
    tls: place.tls,
    addresses: addresses.filter((address) => EVERY.includes(address) || !addresses.includes(familyWide(address))),
    sites: config.sites.filter((_, index) => place.sites.has(index)),
  }));
}

function placesOf(sites: readonly SiteConfig[]): Map<string, Place> {
  const places = new Map<string, Place>();
  sites.forEach((site, index) => {
    for (const { addresses, port, tls } of site.listen)
      for (const address of addresses) {
        const key = placeKey(address, port);
        const place = places.get(key) ?? { address, port, tls, sites: new Set() };
        place.sites.add(index);
        places.set(key, place);
      }
  });
  return places;
}

function placeKey(address: string, port: number): string {
  return `${address} ${port}`;
}

/** The address that stands for all of the same family. */
function familyWide(address: string): string {
  return address.includes(":") ? "::" : "0.0.0.0";
}
