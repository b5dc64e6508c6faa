/**
 * A pretend server: power, clock, ports, kernel, disk, services, and at most one daemon process. The kernel
 * part answers ARP and echo whatever the process does.
 */

import type { VipConfig } from "../core/config/cluster.ts";
import type { Wish } from "../core/membership/frame.ts";
import type { NodeMode } from "../core/base/words.ts";
import type { AskEffect, RunEffect } from "../core/node/effects.ts";
import type { Handover } from "../core/node/inputs.ts";
import { portMac } from "./cluster.ts";
import { Kernel } from "./kernel.ts";
import { Process } from "./process.ts";
import { BootClock } from "./timeline.ts";
import type { World } from "./world.ts";

/** How a machine's services behave now. */
export type ServiceMood = "well" | "slow" | "fails-to-start" | "hangs-in-start" | "fails-to-stop";

/** Hash of the cluster file that all nodes should run. */
export const CONFIG_HASH = "0123456789abcdef";

export class Machine {
  readonly name: string;
  readonly index: number;
  readonly kernel = new Kernel();
  clock: BootClock;
  isPowered = false;
  process: Process | undefined;
  disk: { epochs: Readonly<Record<string, number>>; wishes: readonly Wish[] } = { epochs: {}, wishes: [] };
  serviceMood: ServiceMood = "well";
  isMonitorDown = false;
  configHash = CONFIG_HASH;
  /** The kernel refuses the gate's rules: nothing can be opened. */
  isGateBroken = false;
  /** False after an operator let the daemon leave: nobody starts it again. */
  shouldRun = true;
  /** Mode in the last frame that it sent. */
  lastMode: NodeMode = "observing";
  readonly #world: World;
  readonly #rate: number;
  readonly #running = new Set<string>();
  readonly #expiryScheduled = new Set<string>();
  /** The daemon is between two selves; the process id lives on. */
  #isExecuting = false;

  constructor(world: World, name: string, options: { index: number; rate: number }) {
    this.#world = world;
    this.name = name;
    this.index = options.index;
    this.#rate = options.rate;
    this.clock = this.#newClock();
  }

  mac(link: number): string {
    return portMac(link, this.index);
  }

  /** Boots; the daemon starts by itself a moment later. */
  powerOn(): void {
    if (this.isPowered) return;
    this.isPowered = true;
    this.clock = this.#newClock();
    this.#world.trace.line(this.#world.now, this.name, "power on");
    this.#world.timeline.after(this.#world.random.machines.between(100, 600), () => this.startProcess(undefined));
  }

  powerOff(): void {
    if (!this.isPowered) return;
    this.isPowered = false;
    this.#isExecuting = false;
    this.kernel.clear();
    this.#running.clear();
    this.process?.kill();
    this.process = undefined;
    this.#world.trace.line(this.#world.now, this.name, "power lost");
    this.#world.servingChanged();
  }

  /** Starts the daemon unless it runs. Without a handover it closes and removes whatever stood before. */
  startProcess(handover: Handover | undefined): void {
    if (!this.isPowered || this.process !== undefined || this.#isExecuting || !this.shouldRun) return;
    const world = this.#world;
    if (handover === undefined) for (const vip of world.vips) this.closeGate(vip, true);
    const process = new Process(world, this, world.random.machines.hexadecimal(16));
    this.process = process;
    world.trace.line(
      world.now,
      this.name,
      `daemon starts, incarnation ${process.incarnation}${handover === undefined ? "" : ", with leases handed over"}`,
    );
    process.start(handover);
    for (const monitor of world.config.monitors) {
      world.timeline.after(world.random.machines.between(50, 400), () => this.reportMonitor(process, monitor.name));
    }
  }

  /** SIGKILL: the kernel keeps what it has. */
  killProcess(why: string): void {
    if (this.process === undefined) return;
    this.#world.trace.line(this.#world.now, this.name, `daemon ends: ${why}`);
    this.process.kill();
    this.process = undefined;
  }

  /** The daemon replaces itself by its next self after some milliseconds. */
  executeNext(process: Process, handover: Handover): void {
    if (this.process !== process) return;
    this.killProcess("it executes its next self");
    this.#isExecuting = true;
    const { clock } = this;
    this.#world.timeline.after(this.#world.random.machines.between(100, 900), () => {
      if (clock !== this.clock) return;
      this.#isExecuting = false;
      this.startProcess(handover);
    });
  }

  /** The daemon ended as asked; it stays down until somebody starts it. */
  hasLeft(process: Process): void {
    if (this.process !== process) return;
    this.killProcess("it left");
    if (this.shouldRun) this.#world.timeline.after(300, () => this.startProcess(undefined));
  }

  reportMonitor(process: Process | undefined, monitor: string): void {
    const verdict = this.isMonitorDown ? "down" : "up";
    process?.deliverByMain((now) => ({ kind: "monitor", now, monitor, verdict, detail: "simulated" }));
  }

  carrierChanged(link: number): void {
    this.#world.timeline.after(this.#world.random.machines.between(0.5, 3), () => this.process?.interfaceChanged(link));
  }

  breakGate(broken: boolean): void {
    this.isGateBroken = broken;
    if (broken) for (const vip of this.#world.vips) this.closeGate(vip, true);
    this.process?.deliver((now) => ({
      kind: "gate",
      now,
      what: broken ? "broken" : "works",
      vip: undefined,
      detail: "simulated",
    }));
  }

  openGate(vip: VipConfig, until: number): void {
    if (this.isGateBroken) return;
    const world = this.#world;
    const wasServing = this.kernel.serves(vip.id, world.now);
    this.kernel.open(vip, until);
    world.trace.mix(until);
    if (!wasServing)
      world.trace.line(world.now, this.name, `gate of ${vip.id} opens for ${(until - world.now).toFixed(1)} ms`);
    for (const checker of world.checkers) checker.opened(world, this, vip, until);
    world.servingChanged(vip);
    this.#watchExpiry(vip);
  }

  closeGate(vip: VipConfig, remove: boolean): void {
    const world = this.#world;
    const wasServing = this.kernel.serves(vip.id, world.now);
    this.kernel.close(vip);
    if (remove) this.kernel.remove(vip);
    if (!wasServing) return;
    world.trace.line(world.now, this.name, `gate of ${vip.id} closed by the daemon`);
    world.servingChanged(vip);
  }

  /** Gratuitous ARP / unsolicited NA to everyone on the segment. */
  announce(vip: VipConfig): void {
    const { network, machines } = this.#world;
    const link = vip.link ?? 0;
    const mac = this.mac(link);
    for (const other of machines) {
      if (other === this) continue;
      network.send(link, this.index, other.index, "raw", () => other.overhear(link, vip.address, mac, false));
    }
    network.send(link, this.index, network.client, "raw", () => this.#world.clientLearns(vip, mac));
  }

  /** Somebody uses or wants a VIP on the segment. */
  overhear(link: number, address: string, mac: string, probe: boolean): void {
    this.process?.deliver((now) => ({ kind: "announcement", now, link, address, mac, probe }));
  }

  /** Puts the question on the wire; every host that has the address answers the asker. */
  ask(effect: AskEffect, asked: number): void {
    const world = this.#world;
    const { network } = world;
    const { link } = effect;
    const vip = world.vipByAddress.get(effect.address);
    const back = (from: number, mac: string) => {
      network.send(link, from, this.index, "raw", () => this.process?.answered(effect, mac, asked));
    };
    for (const other of world.machines) {
      if (other === this || (effect.probe === "echo" && effect.mac !== other.mac(link))) continue;
      network.send(link, this.index, other.index, "raw", () => {
        if (!other.isPowered) return;
        if (other.hasAddress(link, effect.address, vip)) back(other.index, other.mac(link));
        if (effect.probe === "arp" && vip !== undefined) other.overhear(link, effect.address, this.mac(link), true);
      });
    }
    network.send(link, this.index, network.gateway, "raw", () => {
      const isHere = world.gateways[link]?.includes(effect.address) === true && network.gatewayDown[link] === 0;
      const mac = portMac(link, network.gateway);
      if (isHere && (effect.probe === "arp" || effect.mac === mac)) back(network.gateway, mac);
      if (effect.probe !== "arp") return;
      const stranger = network.stranger[link];
      if (stranger !== undefined) back(network.gateway, stranger);
      const last = vip === undefined ? undefined : world.lastServer.get(vip.id);
      if (network.fabric[link] === true && last !== undefined && last !== this) back(network.gateway, last.mac(link));
    });
  }

  /** Does this kernel answer for the address on that link? */
  hasAddress(link: number, address: string, vip: VipConfig | undefined): boolean {
    if (vip !== undefined) return (vip.link ?? 0) === link && this.kernel.serves(vip.id, this.#world.now);
    return address === this.#world.address(link, this.index);
  }

  /** Runs a command of a service; `ended` is called once unless the power fails. */
  runService(effect: RunEffect, ended: (ok: boolean, detail: string) => void): void {
    const { timeline, random } = this.#world;
    const isBroken =
      (effect.action === "start" && (this.serviceMood === "fails-to-start" || this.serviceMood === "hangs-in-start")) ||
      (effect.action === "stop" && this.serviceMood === "fails-to-stop");
    const hangs = this.serviceMood === "hangs-in-start" && effect.action === "start";
    const slow = this.serviceMood === "slow" && effect.action !== "status";
    const durationMs = hangs
      ? effect.command.timeoutMs
      : slow
        ? random.machines.between(300, 900)
        : random.machines.between(10, 80);
    const { clock } = this;
    timeline.after(durationMs, () => {
      if (clock !== this.clock || !this.isPowered) return;
      if (!isBroken && effect.action === "start") this.#running.add(effect.resource);
      if (!isBroken && effect.action === "stop") this.#running.delete(effect.resource);
      const ok = effect.action === "status" ? this.#running.has(effect.resource) : !isBroken;
      ended(ok, hangs ? "timed out" : ok ? "exit 0" : "exit 1");
    });
  }

  /** All services of this machine die. */
  crashServices(): void {
    this.#running.clear();
  }

  #watchExpiry(vip: VipConfig): void {
    if (this.#expiryScheduled.has(vip.id)) return;
    this.#expiryScheduled.add(vip.id);
    const world = this.#world;
    const look = () => {
      const until = this.kernel.gateUntil(vip.id);
      if (until > world.now) {
        world.timeline.at(until, look);
        return;
      }
      this.#expiryScheduled.delete(vip.id);
      if (until > 0) {
        world.trace.line(world.now, this.name, `gate of ${vip.id} closed by the kernel: its time is over`);
        this.kernel.close(vip);
      }
      world.servingChanged(vip);
    };
    world.timeline.at(this.kernel.gateUntil(vip.id), look);
  }

  #newClock(): BootClock {
    const { now, random } = this.#world;
    return new BootClock({ zero: now, offset: random.machines.between(1_000, 9_000_000), rate: this.#rate });
  }
}
