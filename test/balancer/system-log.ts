/**
 * The machine's log as programs see it: the socket `/dev/log`, here in a `/dev` of our own. Node has no datagram
 * sockets of this family, so it is opened by libc.
 */

import { execFileSync } from "node:child_process";
import { bindSocket, openSocket, receive, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../src/host/linux/libc.ts";

const AF_UNIX = 1;
const PATH = "/dev/log";
const POLL_MS = 10;
const LONGEST_MESSAGE = 64 * 1024;

/** Puts a small `/dev` in the place of the machine's, in this mount namespace. */
function replaceDevices(folder: string): void {
  const devices = ["null", "zero", "full", "random", "urandom", "tty"];
  const script = [
    `mkdir -p ${folder}/dev/shm`,
    ...devices.map((name) => `touch ${folder}/dev/${name} && mount --bind /dev/${name} ${folder}/dev/${name}`),
    `mount --rbind ${folder}/dev /dev`,
  ].join(" && ");
  execFileSync("sh", ["-c", script]);
}

export class SystemLog {
  /** Messages without their priority. */
  readonly lines: string[] = [];
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(LONGEST_MESSAGE);

  constructor(folder: string) {
    replaceDevices(folder);
    this.#descriptor = openSocket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX);
    address.write(PATH, 2);
    bindSocket(this.#descriptor, address);
    execFileSync("chmod", ["666", PATH]);
    setInterval(() => this.#drain(), POLL_MS).unref();
  }

  #drain(): void {
    for (;;) {
      const length = receive(this.#descriptor, this.#buffer);
      if (length === undefined) return;
      this.lines.push(
        this.#buffer
          .toString("utf8", 0, length)
          .replace(/^<\d+>/, "")
          .trimEnd(),
      );
    }
  }
}
