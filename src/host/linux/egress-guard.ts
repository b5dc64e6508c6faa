/**
 * Puts the deadline map's programs on the way out of every Ethernet device (traffic control, clsact egress), so
 * that nothing of ours that uses a closed VIP leaves the node: no ARP, no neighbour advertisement, no packet,
 * whether the kernel sends it now, or sent it before and kept it waiting, or a packet socket of ours does. Follows
 * devices: one that appears gets its guard in the same millisecond, and a guard that somebody removes is put back.
 */

import { constants } from "node:os";
import type { DeadlineMap } from "./deadline-map.ts";
import { onReadable, SystemError } from "./libc.ts";
import {
  attribute,
  attributes,
  nested,
  NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  text,
  u32le,
} from "./netlink.ts";
import type { Received } from "./netlink.ts";
import { GROUP, HEADER_BYTES, IFLA, NETLINK_ROUTE, RTM, TCA } from "./rtnetlink.ts";

const ARPHRD_ETHER = 1;
const CLSACT = 0xfffffff1;
const CLSACT_HANDLE = 0xffff0000;
const INGRESS = 0xfffffff2;
const EGRESS = 0xfffffff3;
const DIRECT_ACTION = 1;
const HANDLE = 1;
/** One filter for each kind of frame; low numbers run first, and others' filters may end the walk. */
const FILTERS = [
  { preference: 11, ethertype: 0x0806, kind: "arp" },
  { preference: 12, ethertype: 0x86dd, kind: "ipv6" },
  { preference: 13, ethertype: 0x0800, kind: "ipv4" },
] as const;
/** Frames of these slaves went through their master's way out before. */
const GUARDED_BY_MASTER = new Set(["bridge", "bond", "team", "openvswitch"]);
const { EEXIST, ENOENT, EINVAL, ENODEV, ENOBUFS, EOPNOTSUPP } = constants.errno;

/** Guards the devices of this network namespace until closed. */
export class EgressGuard {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #map: DeadlineMap;
  readonly #guarded = new Set<number>();
  #notices: { readonly socket: NetlinkSocket; readonly stop: () => void } | undefined;

  constructor(map: DeadlineMap) {
    this.#map = map;
  }

  /** Guards all devices now and from now on; `changed` hears what was mended or could not be. Throws SystemError. */
  start(changed: (what: "mended" | "broken", detail: string) => void): void {
    const socket = new NetlinkSocket(NETLINK_ROUTE);
    socket.join(GROUP.link);
    socket.join(GROUP.trafficControl);
    const stop = onReadable(socket.fd, () => this.#noticed(socket, changed));
    this.#notices = { socket, stop };
    this.#guardAll();
  }

  /** Guards all devices anew, whatever was done to them. Throws SystemError. */
  repeat(): void {
    this.#guarded.clear();
    this.#guardAll();
  }

  /** Takes the guards away, and the hook itself where nobody else uses it. */
  remove(): void {
    removeGuards(this.#socket);
    this.close();
  }

  /** Lets go; the guards stay. */
  close(): void {
    this.#notices?.stop();
    this.#notices?.socket.close();
    this.#notices = undefined;
    this.#socket.close();
  }

  #noticed(socket: NetlinkSocket, changed: (what: "mended" | "broken", detail: string) => void): void {
    const { isChanged, isRemoved } = this.#drain(socket);
    if (!isChanged) return;
    try {
      if (isRemoved) this.repeat();
      else this.#guardAll();
      if (isRemoved) changed("mended", "a guard against ARP was removed from a device");
    } catch (error) {
      changed("broken", error instanceof Error ? error.message : String(error));
    }
  }

  #drain(socket: NetlinkSocket): { isChanged: boolean; isRemoved: boolean } {
    let [isChanged, isRemoved] = [false, false];
    try {
      for (let notices = socket.notifications(); notices !== undefined; notices = socket.notifications()) {
        for (const { type, port, body } of notices) {
          if (type === RTM.newLink || type === RTM.deleteLink) isChanged = true;
          if (type === RTM.deleteLink) this.#guarded.delete(body.readInt32LE(4));
          const isTaken = (type === RTM.deleteFilter || type === RTM.deleteQueue) && port !== this.#socket.port;
          // A vanishing device takes its guard along; only on one that we still count it was taken away.
          if (isTaken && this.#guarded.has(body.readInt32LE(4))) isRemoved = isChanged = true;
        }
      }
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== ENOBUFS) throw error;
      isChanged = isRemoved = true;
    }
    return { isChanged, isRemoved };
  }

  #guardAll(): void {
    const present = ethernetDevices(this.#socket);
    for (const index of this.#guarded) if (!present.includes(index)) this.#guarded.delete(index);
    for (const index of present) {
      if (this.#guarded.has(index)) continue;
      try {
        this.#guard(index);
        this.#guarded.add(index);
      } catch (error) {
        // Gone between the listing and now.
        if (!(error instanceof SystemError) || error.errno !== ENODEV) throw error;
      }
    }
  }

  #guard(index: number): void {
    const queue = Buffer.concat([header(index, CLSACT_HANDLE, CLSACT, 0), attribute(TCA.kind, text("clsact"))]);
    try {
      this.#socket.request(
        { type: RTM.newQueue, flags: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, body: queue },
        "add clsact",
      );
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== EEXIST) throw error;
    }
    for (const { preference, ethertype, kind } of FILTERS) {
      const BPF = { descriptor: 6, name: 7, flags: 8 } as const;
      const body = Buffer.concat([
        header(index, HANDLE, EGRESS, filterInfo(preference, ethertype)),
        attribute(TCA.kind, text("bpf")),
        nested(
          TCA.options,
          attribute(BPF.descriptor, u32le(this.#map.egressPrograms[kind])),
          attribute(BPF.name, text("understudy")),
          attribute(BPF.flags, u32le(DIRECT_ACTION)),
        ),
      ]);
      this.#socket.request(
        { type: RTM.newFilter, flags: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE, body },
        "guard a device",
      );
    }
  }
}

/** Takes away guards that this or an earlier daemon left on devices. Needs no BPF. */
export function removeGuards(socket: NetlinkSocket): void {
  for (const index of ethernetDevices(socket)) {
    let wasGuarded = false;
    for (const { preference, ethertype } of FILTERS) {
      const body = Buffer.concat([
        header(index, HANDLE, EGRESS, filterInfo(preference, ethertype)),
        attribute(TCA.kind, text("bpf")),
      ]);
      wasGuarded =
        tolerant(() => socket.request({ type: RTM.deleteFilter, flags: NLM_F_REQUEST, body }, "unguard a device")) ||
        wasGuarded;
    }
    if (!wasGuarded || isUsed(socket, index, INGRESS) || isUsed(socket, index, EGRESS)) continue;
    const body = Buffer.concat([header(index, CLSACT_HANDLE, CLSACT, 0), attribute(TCA.kind, text("clsact"))]);
    tolerant(() => socket.request({ type: RTM.deleteQueue, flags: NLM_F_REQUEST, body }, "remove clsact"));
  }
}

/** False when there was nothing to take away. */
function tolerant(removal: () => void): boolean {
  try {
    removal();
    return true;
  } catch (error) {
    const isAbsent = error instanceof SystemError && [ENOENT, EINVAL, ENODEV, EOPNOTSUPP].includes(error.errno);
    if (!isAbsent) throw error;
    return false;
  }
}

function isUsed(socket: NetlinkSocket, index: number, parent: number): boolean {
  return socket.dump({ type: RTM.getFilter, flags: 0, body: header(index, 0, parent, 0) }, "list filters").length > 0;
}

/** struct tcmsg. */
function header(index: number, handle: number, parent: number, info: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES.trafficControl);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(handle, 8);
  bytes.writeUInt32LE(parent, 12);
  bytes.writeUInt32LE(info, 16);
  return bytes;
}

/** Preference above, Ethernet type in network order below. */
function filterInfo(preference: number, ethertype: number): number {
  return ((preference << 16) | ((ethertype & 0xff) << 8) | (ethertype >> 8)) >>> 0;
}

function ethernetDevices(socket: NetlinkSocket): number[] {
  const SKIP_STATISTICS = 8;
  const body = Buffer.concat([Buffer.alloc(HEADER_BYTES.link), attribute(IFLA.extendedMask, u32le(SKIP_STATISTICS))]);
  return socket
    .dump({ type: RTM.getLink, flags: 0, body }, "list devices")
    .filter(isToGuard)
    .map((link) => link.body.readInt32LE(4));
}

function isToGuard({ body }: Received): boolean {
  if (body.readUInt16LE(2) !== ARPHRD_ETHER) return false;
  const INFO_SLAVE_KIND = 4;
  const info = attributes(body.subarray(HEADER_BYTES.link)).get(IFLA.linkInfo) ?? Buffer.alloc(0);
  const slaveOf = attributes(info).get(INFO_SLAVE_KIND)?.toString().replace("\0", "");
  return slaveOf === undefined || !GUARDED_BY_MASTER.has(slaveOf);
}
