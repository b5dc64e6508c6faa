/**
 * Which device is behind which link. A link is an address of this node; the device is whichever carries that
 * address now, so a renamed or recreated device, or an address that comes late at boot, needs no setting.
 */

import {
  canonicalIpAddress,
  kindOfAddress,
  networkContains,
  parseIpAddress,
  parseIpNetwork,
} from "../../core/config/ip-address.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Device } from "../../host/ports.ts";
import type { Seen } from "./chores.ts";

/** What is known of one own link. */
export interface LinkState {
  readonly link: number;
  /** Our address there, as in the cluster file. */
  readonly address: string;
  readonly device: Device | undefined;
  /** Administratively up, with carrier and our address on it. */
  readonly isUp: boolean;
  readonly gateways: readonly string[];
}

/** What changed since the last look. */
export interface LinksChange {
  readonly links: readonly LinkState[];
  /** Names of devices that are new, or another device under an old name. */
  readonly replaced: readonly string[];
}

export interface LinksOptions {
  /** Our addresses; the index is the link's number. */
  readonly addresses: readonly string[];
  /** Gateways from the cluster file; where neither these nor the VIPs name any, those of the routes count. */
  readonly gateways: readonly string[];
  /** VIPs, which may name gateways of their own on their links. */
  readonly vips: readonly Pick<VipConfig, "link" | "gateways">[];
}

/** The links of this node, as last seen. */
export class Links {
  readonly #options: LinksOptions;
  #links: readonly LinkState[];
  #devices = new Map<string, Device>();

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#links = options.addresses.map((address, link) => ({
      link,
      address,
      device: undefined,
      isUp: false,
      gateways: [],
    }));
  }

  all(): readonly LinkState[] {
    return this.#links;
  }

  link(number: number): LinkState | undefined {
    return this.#links[number];
  }

  device(name: string): Device | undefined {
    return this.#devices.get(name);
  }

  /** Links whose address is on this device; usually one. */
  linksOn(device: string): readonly LinkState[] {
    return this.#links.filter((l) => l.device?.name === device);
  }

  isOwnMac(mac: string): boolean {
    for (const device of this.#devices.values()) if (device.mac === mac) return true;
    return false;
  }

  /** Our address of `family` on the link's device: the link's own if it is of that family, else another there that is not in `except`. */
  sourceOn(link: LinkState, family: 4 | 6, except: ReadonlySet<string>): string | undefined {
    if (familyOf(link.address) === family) return link.address;
    return link.device?.addresses.find((a) => familyOf(a.address) === family && !except.has(a.address))?.address;
  }

  /** Takes in what was seen; says which links and devices are not as they were. */
  update({ devices: list, gateways: routes }: Seen): LinksChange {
    const replaced = list.filter((d) => !isSameDevice(this.#devices.get(d.name), d)).map((d) => d.name);
    this.#devices = new Map(list.map((d) => [d.name, d]));
    const before = this.#links;
    this.#links = before.map(({ link, address }) => {
      const device = list.find((d) => d.addresses.some((a) => canonical(a.address) === canonical(address)));
      const isUp = device !== undefined && device.up && device.carrier;
      return { link, address, device, isUp, gateways: this.#gatewaysOf({ link, address, device }, routes) };
    });
    return { links: this.#links.filter((now, i) => !isSameLink(before[i] as LinkState, now)), replaced };
  }

  #gatewaysOf(of: Pick<LinkState, "link" | "address" | "device">, routes: Seen["gateways"]): readonly string[] {
    const ofVips = this.#options.vips.filter((v) => v.link === of.link).flatMap((v) => v.gateways);
    const named = unique([...this.#options.gateways.filter((g) => isOnLink(g, of, routes)), ...ofVips]);
    if (named.length > 0 || this.#options.gateways.length > 0) return named;
    // A default route of each family may leave through the device; both gateways are witnesses of its segment.
    return unique(routes.filter((r) => r.device === of.device?.name).map((r) => r.address));
  }
}

/**
 * Is a gateway of the cluster file on this link's segment? The address of a link-local one does not tell; a
 * default route through it does, and the VIPs of its family name it as theirs.
 */
function isOnLink(
  gateway: string,
  { address: own, device }: Pick<LinkState, "address" | "device">,
  routes: Seen["gateways"],
): boolean {
  const address = parseIpAddress(gateway);
  if (address === undefined) return false;
  if (address.family === 6 && kindOfAddress(address) === "link-local") {
    const leads = routes.some((r) => r.device === device?.name && canonical(r.address) === canonical(gateway));
    return leads && familyOf(own) === 6;
  }
  const prefixLength = device?.addresses.find((a) => canonical(a.address) === canonical(own))?.prefixLength;
  const network = parseIpNetwork(`${own}/${prefixLength ?? (familyOf(own) === 4 ? 24 : 64)}`);
  return network !== undefined && networkContains(network, address);
}

/** 4 or 6. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** One spelling per address; what is no address stays as it is. */
export function canonical(address: string): string {
  return address.includes(":") ? (canonicalIpAddress(address) ?? address) : address;
}

function isSameDevice(a: Device | undefined, b: Device): boolean {
  return a !== undefined && a.index === b.index && a.mac === b.mac;
}

function isSameLink(a: LinkState, b: LinkState): boolean {
  const isSame =
    a.device === undefined ? b.device === undefined : b.device !== undefined && isSameDevice(a.device, b.device);
  return isSame && a.device?.name === b.device?.name && a.isUp === b.isUp && a.gateways.join() === b.gateways.join();
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
