/** Throws datagrams at a port, from inside a member: noise that no authenticated protocol may be impressed by. */

import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";

export interface Noise {
  readonly address: string;
  readonly port: number;
  /** How many datagrams. */
  readonly count: number;
  /** Bytes of random content in each; up to 65,507 travel in one UDP datagram. */
  readonly bytes: number;
  /** Fixed beginning as hexadecimal digits, to pass a first look. */
  readonly prefix?: string;
}

const noise = JSON.parse(process.argv[2] ?? "{}") as Noise;
const socket = createSocket(noise.address.includes(":") ? "udp6" : "udp4");

for (let index = 0; index < noise.count; index += 1) {
  const content = Buffer.concat([Buffer.from(noise.prefix ?? "", "hex"), randomBytes(noise.bytes)]);
  await new Promise((resolve) => socket.send(content, noise.port, noise.address, resolve));
}
socket.close();
