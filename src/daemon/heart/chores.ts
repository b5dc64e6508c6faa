/**
 * Work on the machine that may have to wait for others, done beside the heart. Addresses, devices, routes and
 * the neighbour table stand under one lock of the whole kernel (RTNL): whoever makes or removes a network
 * namespace or a bridge holds it for a tenth of a second or more. The heart must not wait for that with its
 * gates' renewals: an address is needed behind an open gate soon, a renewal in time.
 *
 * Chores are done one by one in the order in which they were asked for.
 */

import { Worker } from "node:worker_threads";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Addresses, Device, Interfaces, Neighbours } from "../../host/ports.ts";

/** Devices and default routes at one moment. */
export interface Seen {
  readonly devices: readonly Device[];
  readonly gateways: readonly { readonly address: string; readonly device: string }[];
}

export type Chore =
  | { readonly kind: "put"; readonly vip: VipConfig; readonly device: string; readonly lifetimeMs: number }
  | { readonly kind: "remove"; readonly vip: VipConfig; readonly device: string }
  | { readonly kind: "look" }
  | { readonly kind: "table"; readonly device: string };

/** What came of a chore; only `look` and `table` bring something. */
export type Outcome =
  | { readonly ok: true; readonly seen?: Seen; readonly table?: ReturnType<Neighbours["table"]> }
  | { readonly ok: false; readonly error: string };

export interface Chores {
  /** Asks for a chore; `done` is called once, at once or later. */
  ask(chore: Chore, done: (outcome: Outcome) => void): void;
  close(): void;
}

/** The parts of a machine that chores work on. */
export interface ChoreMachine {
  readonly interfaces: Pick<Interfaces, "list" | "gateways">;
  readonly addresses: Addresses;
  readonly neighbours: Pick<Neighbours, "table">;
}

/** Does a chore here and now; never throws. */
export function doChore(machine: ChoreMachine, chore: Chore): Outcome {
  try {
    switch (chore.kind) {
      case "put":
        machine.addresses.put(chore.vip, chore.device, chore.lifetimeMs);
        return { ok: true };
      case "remove":
        machine.addresses.remove(chore.vip, chore.device);
        return { ok: true };
      case "look":
        return { ok: true, seen: { devices: machine.interfaces.list(), gateways: machine.interfaces.gateways() } };
      case "table":
        return { ok: true, table: machine.neighbours.table(chore.device) };
    }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** Chores that are done while the asker waits; for pretended machines, which never wait. */
export function directChores(machine: ChoreMachine): Chores {
  return { ask: (chore, done) => done(doChore(machine, chore)), close: () => {} };
}

/** Chores in a thread of their own; `broken` is called when that thread ends without having been closed. */
export function threadChores(broken: (error: Error) => void): Chores {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./chores-thread.${ending}`, import.meta.url), {
    name: "chores",
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
  });
  const waiting: ((outcome: Outcome) => void)[] = [];
  let isClosed = false;
  worker.on("message", (outcome: Outcome) => waiting.shift()?.(outcome));
  worker.on("error", broken);
  worker.on("exit", () => {
    if (!isClosed) broken(new Error("the thread for addresses ended"));
  });
  return {
    ask(chore, done) {
      waiting.push(done);
      worker.postMessage(chore);
    },
    close() {
      isClosed = true;
      void worker.terminate();
    },
  };
}
