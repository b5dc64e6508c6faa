/** Devices, addresses and default routes by rtnetlink: read in one dump each, followed by multicast. */

import { constants } from "node:os";
import type { Device, Interfaces } from "../ports.ts";
import { addressText, macText } from "./addressing.ts";
import { bootTimeMs, onReadable, SystemError } from "./libc.ts";
import { attribute, attributes, NetlinkSocket, u32le } from "./netlink.ts";
import type { Received } from "./netlink.ts";
import { GROUP, HEADER_BYTES, IFA, IFLA, NETLINK_ROUTE, RTA, RTM } from "./rtnetlink.ts";

const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const SKIP_STATISTICS = 8;
const FOLLOWED = [GROUP.link, GROUP.ipv4Address, GROUP.ipv4Route, GROUP.ipv6Address, GROUP.ipv6Route];
const TABLE_MAIN = 254;
const TYPE_UNICAST = 1;
const NEXT_HOP_BYTES = 8;
const ENOBUFS = constants.errno.ENOBUFS;

/**
 * Renewing an address's lifetime is told like a new one. A daemon that renews its addresses every second need not
 * look at all devices for that, but it does so often, whatever is told.
 */
const RENEWAL_IS_NEWS_MS = 5_000;
/** More addresses than a server has; beyond that each renewal is news. */
const MAX_KNOWN = 4_096;

/** A default route's next hop, with the device by index. */
interface NextHop {
  readonly address: string;
  readonly index: number;
}

/** The devices of this network namespace. */
export class LinuxInterfaces implements Interfaces {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #stops = new Set<() => void>();

  list(): readonly Device[] {
    const addresses = this.#addresses();
    const request = Buffer.concat([
      Buffer.alloc(HEADER_BYTES.link),
      attribute(IFLA.extendedMask, u32le(SKIP_STATISTICS)),
    ]);
    return this.#socket.dump({ type: RTM.getLink, flags: 0, body: request }, "list devices").map((link) => {
      const found = attributes(link.body.subarray(HEADER_BYTES.link));
      const index = link.body.readInt32LE(4);
      const flags = link.body.readUInt32LE(8);
      const mac = found.get(IFLA.address);
      return {
        index,
        name: found.get(IFLA.name)?.toString().replace("\0", "") ?? "",
        up: (flags & IFF_UP) !== 0,
        carrier: (flags & IFF_LOWER_UP) !== 0,
        mac: mac?.length === 6 && mac.some((byte) => byte !== 0) ? macText(mac) : undefined,
        addresses: addresses.get(index) ?? [],
      };
    });
  }

  gateways(): readonly { readonly address: string; readonly device: string }[] {
    const hops = this.#socket
      .dump({ type: RTM.getRoute, flags: 0, body: Buffer.alloc(HEADER_BYTES.route) }, "list routes")
      .flatMap(defaultHops);
    if (hops.length === 0) return [];
    const names = new Map(this.list().map(({ index, name }) => [index, name]));
    return hops.flatMap(({ address, index }) => {
      const device = names.get(index);
      return device === undefined ? [] : [{ address, device }];
    });
  }

  watch(changed: () => void): () => void {
    const socket = new NetlinkSocket(NETLINK_ROUTE);
    for (const group of FOLLOWED) socket.join(group);
    const known = new KnownAddresses();
    const unpoll = onReadable(socket.fd, () => {
      if (drain(socket, known)) changed();
    });
    const stop = (): void => {
      if (!this.#stops.delete(stop)) return;
      unpoll();
      socket.close();
    };
    this.#stops.add(stop);
    return stop;
  }

  close(): void {
    for (const stop of [...this.#stops]) stop();
    this.#socket.close();
  }

  #addresses(): Map<number, { address: string; prefixLength: number }[]> {
    const byDevice = new Map<number, { address: string; prefixLength: number }[]>();
    const request = { type: RTM.getAddress, flags: 0, body: Buffer.alloc(HEADER_BYTES.address) };
    for (const { body } of this.#socket.dump(request, "list addresses")) {
      const found = attributes(body.subarray(HEADER_BYTES.address));
      // On point-to-point devices IFA_ADDRESS is the other end.
      const address = found.get(IFA.local) ?? found.get(IFA.address);
      if (address === undefined) continue;
      const index = body.readUInt32LE(4);
      const list = byDevice.get(index) ?? [];
      list.push({ address: addressText(address), prefixLength: body.readUInt8(1) });
      byDevice.set(index, list);
    }
    return byDevice;
  }
}

/** Addresses that were told of and not taken away since. */
export class KnownAddresses {
  readonly #toldAt = new Map<string, number>();

  /** Is this notice only the renewal of an address that is known? */
  isRenewal({ type, body }: Pick<Received, "type" | "body">, now: number): boolean {
    if (type !== RTM.newAddress) {
      // Whatever else happened: from now on everything is news once again.
      this.#toldAt.clear();
      return false;
    }
    const found = attributes(body.subarray(HEADER_BYTES.address));
    const address = found.get(IFA.local) ?? found.get(IFA.address);
    // The fixed part holds device, prefix and flags.
    const key = `${body.toString("latin1", 0, HEADER_BYTES.address)} ${address?.toString("latin1")}`;
    const toldAt = this.#toldAt.get(key);
    if (toldAt !== undefined && now - toldAt < RENEWAL_IS_NEWS_MS) return true;
    if (this.#toldAt.size >= MAX_KNOWN) this.#toldAt.clear();
    this.#toldAt.set(key, now);
    return false;
  }

  forget(): void {
    this.#toldAt.clear();
  }
}

/** Takes all waiting notices; true when one of them matters (or some were lost, so that one may have). */
function drain(socket: NetlinkSocket, known: KnownAddresses): boolean {
  let matters = false;
  try {
    for (let notices = socket.notifications(); notices !== undefined; notices = socket.notifications()) {
      for (const notice of notices) {
        // Routers change thousands of routes; only default routes are of interest here.
        const isRoute = notice.type === RTM.newRoute || notice.type === RTM.deleteRoute;
        if (isRoute ? notice.body.readUInt8(1) === 0 : !known.isRenewal(notice, bootTimeMs())) matters = true;
      }
    }
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== ENOBUFS) throw error;
    known.forget();
    return true;
  }
  return matters;
}

function defaultHops({ body }: Received): NextHop[] {
  const isDefault = body.readUInt8(1) === 0 && body.readUInt8(4) === TABLE_MAIN && body.readUInt8(7) === TYPE_UNICAST;
  if (!isDefault) return [];
  const found = attributes(body.subarray(HEADER_BYTES.route));
  const paths = found.get(RTA.multipath);
  if (paths !== undefined) return multipathHops(paths);
  const hop = nextHop(found, found.get(RTA.device)?.readUInt32LE() ?? 0);
  return hop === undefined ? [] : [hop];
}

function multipathHops(paths: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; at + NEXT_HOP_BYTES <= paths.length; ) {
    const length = paths.readUInt16LE(at);
    if (length < NEXT_HOP_BYTES) break;
    const hop = nextHop(attributes(paths.subarray(at + NEXT_HOP_BYTES, at + length)), paths.readInt32LE(at + 4));
    if (hop !== undefined) hops.push(hop);
    at += (length + 3) & ~3;
  }
  return hops;
}

function nextHop(found: Map<number, Buffer>, index: number): NextHop | undefined {
  // RTA_VIA names a gateway of the other address family: its family in two bytes, then the address.
  const gateway = found.get(RTA.gateway) ?? found.get(RTA.via)?.subarray(2);
  return gateway === undefined ? undefined : { address: addressText(gateway), index };
}
