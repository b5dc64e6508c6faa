/** The thread that does chores; see chores.ts. It answers in the order in which it was asked. */

import { parentPort } from "node:worker_threads";
import { LinuxAddresses } from "../../host/linux/addresses.ts";
import { LinuxInterfaces } from "../../host/linux/interfaces.ts";
import { LinuxNeighbours } from "../../host/linux/neighbours.ts";
import { trimMemory } from "../../host/linux/libc.ts";
import { realtime } from "../../host/linux/realtime.ts";
import { type Chore, doChore } from "./chores.ts";

/** By then everything is loaded, and what is called often was compiled. */
const TRIM_AFTER_MS = [10_000, 60_000, 300_000];

if (parentPort === null) throw new Error("chores are done only in a thread of the heart");
const port = parentPort;
// Refused is told once already, by the heart.
realtime();
const machine = {
  interfaces: new LinuxInterfaces(),
  addresses: new LinuxAddresses(),
  neighbours: new LinuxNeighbours(),
};
port.on("message", (chore: Chore) => port.postMessage(doChore(machine, chore)));
// About a millisecond on a thread that nobody waits for at that moment.
for (const ms of TRIM_AFTER_MS) setTimeout(trimMemory, ms).unref();
