/**
 * The wire of the balancer's benchmark: a client, a balancer and a web server in network namespaces of their own, joined
 * by a bridge, inside a wall of namespaces that takes everything with it when its first process ends. Load and web
 * server share one processor, what is measured has the other, where there are two.
 */

import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { appendFileSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/** Where all files of a run are: a file system in memory that only the wall sees. */
export const ROOM = "/run/bench";

export type Place = "client" | "balancer" | "web";

/** Addresses of each place; the balancer has one per contender, so that all stand side by side. */
export const ADDRESSES = {
  client: ["10.9.0.2"],
  balancer: ["10.9.0.3", "10.9.0.21", "10.9.0.22", "10.9.0.23", "10.9.0.24", "10.9.0.26"],
  web: ["10.9.0.4", "10.9.0.5"],
} as const satisfies Record<Place, readonly string[]>;

/** The benchmark's own, on the bridge. */
const OWN_ADDRESS = "10.9.0.1";
const PLACES = Object.keys(ADDRESSES) as Place[];
const COMMAND_LIMIT_MS = 30_000;

/** Shell that makes the private room before the benchmark's own process: /run and a /dev whose `log` is ours. */
const FURNISH = `set -e
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p ${ROOM}/dev ${ROOM}/tmp
for device in null zero full random urandom tty; do
  : > ${ROOM}/dev/$device
  mount --bind /dev/$device ${ROOM}/dev/$device
done
mkdir ${ROOM}/dev/shm ${ROOM}/dev/pts
mount --bind ${ROOM}/dev /dev
exec "$@"`;

/** Command that runs `argv` as the first process inside the wall. */
export function walled(argv: readonly string[]): [command: string, ...rest: string[]] {
  const wall = ["--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"];
  return ["unshare", ...wall, "sh", "-c", FURNISH, "wall", ...argv];
}

function must(...argv: string[]): void {
  const [command = "", ...rest] = argv;
  const ended = spawnSync(command, rest, { encoding: "utf8", timeout: COMMAND_LIMIT_MS });
  if (ended.status !== 0)
    throw new Error(`${argv.join(" ")}: ${ended.stderr || String(ended.error ?? `exit code ${ended.status}`)}`);
}

/** Makes the three places. */
export function buildWire(): void {
  must("ip", "link", "set", "lo", "up");
  must("ip", "link", "add", "br0", "type", "bridge");
  must("ip", "link", "set", "br0", "up");
  must("ip", "addr", "add", `${OWN_ADDRESS}/24`, "dev", "br0");
  for (const place of PLACES) {
    must("ip", "netns", "add", place);
    must("ip", "link", "add", `to-${place}`, "type", "veth", "peer", "name", "eth0", "netns", place);
    must("ip", "link", "set", `to-${place}`, "master", "br0", "up");
    const inside = ["ip", "-n", place];
    must(...inside, "link", "set", "lo", "up");
    must(...inside, "link", "set", "eth0", "up");
    for (const address of ADDRESSES[place]) must(...inside, "addr", "add", `${address}/24`, "dev", "eth0");
    // New connections by the ten thousand per second: ports in TIME_WAIT are used again, and queues are long enough.
    const settings = ["net.ipv4.ip_local_port_range=1024 65000", "net.ipv4.tcp_tw_reuse=1", "net.core.somaxconn=8192"];
    for (const setting of [...settings, "net.ipv4.tcp_max_syn_backlog=8192", "net.ipv4.tcp_max_tw_buckets=20000"])
      spawnSync("ip", ["netns", "exec", place, "sysctl", "-qw", setting], { timeout: COMMAND_LIMIT_MS });
  }
}

/** Processors of a place; undefined where there is only one. */
function processorOf(place: Place): string | undefined {
  if (availableParallelism() < 2) return undefined;
  return place === "balancer" ? "0" : "1";
}

/** Command that runs `argv` in a place, on its processor. */
export function at(place: Place, argv: readonly string[]): [command: string, ...rest: string[]] {
  const processor = processorOf(place);
  const pinned = processor === undefined ? argv : ["taskset", "-c", processor, ...argv];
  return ["ip", "netns", "exec", place, ...pinned];
}

/** A command in a place; answers what it wrote. */
export function runAt(place: Place, argv: readonly string[], { timeoutMs = COMMAND_LIMIT_MS } = {}): string {
  const [command, ...rest] = at(place, argv);
  const ended = spawnSync(command, rest, { encoding: "utf8", timeout: timeoutMs, maxBuffer: 64 * 1_048_576 });
  if (ended.status !== 0)
    throw new Error(`${argv.join(" ")}: ${ended.stderr || ended.stdout || String(ended.error ?? ended.status)}`);
  return ended.stdout;
}

/** Starts a program that stays, in a place; its words go to a file of its name. */
export function startAt(place: Place, name: string, argv: readonly string[]): ChildProcess {
  const [command, ...rest] = at(place, argv);
  const log = openSync(join(ROOM, `${name}.log`), "a");
  const child = spawn(command, rest, { stdio: ["ignore", log, log] });
  child.on("error", (error) => appendFileSync(join(ROOM, `${name}.log`), `${error.message}\n`));
  return child;
}

/** Writes a file of the run and answers its path. */
export function writeInRoom(name: string, text: string, mode = 0o644): string {
  const path = join(ROOM, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text, { mode });
  return path;
}
