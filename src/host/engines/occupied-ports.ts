/**
 * Whether somebody else listens where an engine is about to. HAProxy finds out only in the midst of a reload, after it has
 * paused the listeners of the running worker, and visitors are refused meanwhile; so it is looked up before. Nothing is
 * listened on here: a socket is bound and closed again.
 */

import { isIPv6 } from "node:net";
import type { Problem } from "../../core/base/report.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import {
  AF_INET,
  AF_INET6,
  bindSocket,
  closeDescriptor,
  openSocket,
  setOption,
  SOL_SOCKET,
  SystemError,
} from "../linux/libc.ts";
import { engineProblem } from "./engine.ts";

const SOCK_STREAM = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** Places on ports that `before` does not use at all: on its own ports the engine itself would be found. */
export function occupiedPorts(before: BalancerConfig | undefined, after: BalancerConfig): Problem[] {
  if (before === undefined) return [];
  const own = new Set(placesOf(before).map(({ port }) => port));
  const places = new Map(placesOf(after).map((place) => [`${place.address} ${place.port}`, place]));
  return [...places.values()]
    .filter((place) => !own.has(place.port) && isOccupied(place))
    .map(({ address, port }) => {
      const place = isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
      const message = `${after.engine} cannot listen on ${place}: Address already in use`;
      return engineProblem("ENGINE_PORT_IN_USE", message, "stop who listens there, or choose another port");
    });
}

interface Place {
  readonly address: string;
  readonly port: number;
}

function placesOf({ sites, stats }: BalancerConfig): Place[] {
  const listeners = sites.flatMap(({ listen }) =>
    listen.flatMap(({ addresses, port }) => addresses.map((address) => ({ address, port }))),
  );
  return stats === undefined ? listeners : [...listeners, { address: stats.address, port: stats.port }];
}

function isOccupied({ address, port }: Place): boolean {
  const fd = openSocket(isIPv6(address) ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  try {
    // Connections that have ended do not count.
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (isIPv6(address)) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bindSocket(fd, socketAddress(address, port));
    return false;
  } catch (error) {
    // Others say that the address is absent or that we may not, which the engine judges itself.
    return error instanceof SystemError && error.code === "EADDRINUSE";
  } finally {
    closeDescriptor(fd);
  }
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function socketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(isIPv6(address) ? 28 : 16);
  bytes.writeUInt16LE(isIPv6(address) ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  if (isIPv6(address)) ipv6Bytes(address).copy(bytes, 8);
  else Buffer.from(address.split(".").map(Number)).copy(bytes, 4);
  return bytes;
}

function ipv6Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [head = "", tail] = address.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  front.forEach((word, index) => bytes.writeUInt16BE(Number.parseInt(word, 16), index * 2));
  back.forEach((word, index) => bytes.writeUInt16BE(Number.parseInt(word, 16), 16 - (back.length - index) * 2));
  return bytes;
}
