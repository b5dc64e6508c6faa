/**
 * Virtual addresses on devices. Each has a finite `valid_lft`, so the kernel takes it away when nobody renews
 * it, even if the gate's rules were lost while this process could not run.
 */

import { constants } from "node:os";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Addresses } from "../ports.ts";
import { addressBytes } from "./addressing.ts";
import { AF_INET, AF_INET6, deviceIndex, SystemError } from "./libc.ts";
import { attribute, NetlinkSocket, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, u32le } from "./netlink.ts";
import { HEADER_BYTES, IFA, NETLINK_ROUTE, RTM } from "./rtnetlink.ts";

/** No duplicate address detection by the kernel: the taker probed already, and cannot wait a second. */
const IFA_F_NODAD = 0x02;
const { ENODEV, EADDRNOTAVAIL } = constants.errno;

/** Addresses in this network namespace. */
export class LinuxAddresses implements Addresses {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

  put(vip: VipConfig, device: string, lifetimeMs: number): void {
    const index = deviceIndex(device);
    if (index === undefined) throw new SystemError(`add ${vip.address}`, ENODEV, `no device ${device}`);
    const valid = Math.max(1, Math.ceil(lifetimeMs / 1_000));
    // IPv6: never preferred, so that the node does not choose it as source of its own connections.
    const preferred = vip.family === 4 ? valid : 0;
    const body = Buffer.concat([
      this.#subject(vip, index),
      attribute(IFA.cacheInfo, Buffer.concat([u32le(preferred), u32le(valid), u32le(0), u32le(0)])),
      attribute(IFA.flags, u32le(vip.family === 6 ? IFA_F_NODAD : 0)),
    ]);
    this.#socket.request(
      { type: RTM.newAddress, flags: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE, body },
      `add ${vip.address} to ${device}`,
    );
  }

  remove(vip: VipConfig, device: string): void {
    const index = deviceIndex(device);
    if (index === undefined) return;
    try {
      const body = this.#subject(vip, index);
      this.#socket.request(
        { type: RTM.deleteAddress, flags: NLM_F_REQUEST, body },
        `remove ${vip.address} from ${device}`,
      );
    } catch (error) {
      const isGone = error instanceof SystemError && (error.errno === EADDRNOTAVAIL || error.errno === ENODEV);
      if (!isGone) throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }

  /** Which address on which device. Always a host prefix: in a shared prefix one address dies with another. */
  #subject(vip: VipConfig, index: number): Buffer {
    const header = Buffer.alloc(HEADER_BYTES.address);
    header.writeUInt8(vip.family === 4 ? AF_INET : AF_INET6, 0);
    header.writeUInt8(vip.family === 4 ? 32 : 128, 1);
    header.writeUInt32LE(index, 4);
    const address = addressBytes(vip.address);
    return Buffer.concat([header, attribute(IFA.local, address), attribute(IFA.address, address)]);
  }
}
