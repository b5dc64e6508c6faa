/** Everything that the heart needs of this machine's kernel, opened in one call. */

import { LinuxAddresses } from "./addresses.ts";
import { LinuxArrivals } from "./arrivals.ts";
import { linuxClock } from "./clock.ts";
import { LinuxGate } from "./gate.ts";
import type { GateOptions } from "./gate.ts";
import { LinuxInterfaces } from "./interfaces.ts";
import { LinuxNeighbours } from "./neighbours.ts";
import { realtime } from "./realtime.ts";
import type { RealtimeResult } from "./realtime.ts";
import { Sysctls } from "./sysctls.ts";

/** The real kernel behind `ports.ts`, in the network namespace of the calling thread. */
export interface LinuxMachine {
  readonly clock: typeof linuxClock;
  readonly interfaces: LinuxInterfaces;
  readonly gate: LinuxGate;
  readonly addresses: LinuxAddresses;
  readonly neighbours: LinuxNeighbours;
  readonly arrivals: LinuxArrivals;
  readonly sysctls: Sysctls;
  /** Moves the calling thread to real-time scheduling where that is allowed. */
  realtime(): RealtimeResult;
}

export interface MachineOptions extends GateOptions {
  /** File that keeps the devices' settings as they were found. */
  readonly settingsRecord?: string | undefined;
}

/** Opens the sockets; throws SystemError (EPERM without CAP_NET_ADMIN). Touches no rule and no address yet. */
export function openMachine({ settingsRecord, ...options }: MachineOptions = {}): LinuxMachine {
  return {
    clock: linuxClock,
    interfaces: new LinuxInterfaces(),
    gate: new LinuxGate(linuxClock, options),
    addresses: new LinuxAddresses(),
    neighbours: new LinuxNeighbours(),
    arrivals: new LinuxArrivals(),
    sysctls: new Sysctls({ record: settingsRecord }),
    realtime,
  };
}
