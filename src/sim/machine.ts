/**
 * A pretend server: power, clock, ports, kernel, disk, services, and at most one daemon process. The kernel
 * part answers ARP and echo whatever the process does.
 */

import type { ClusterConfig, VipConfig } from "../core/config/cluster.ts";
import type { NodeMode, Verdict } from "../core/base/words.ts";
import { after } from "../core/base/time.ts";
import type { RunEffect } from "../core/node/effects.ts";
import type { Handover } from "../core/node/inputs.ts";
import { portMac } from "./cluster.ts";
import { Kernel } from "./kernel.ts";
import { Process } from "./process.ts";
import { StateFile } from "./state-file.ts";
import { BootClock } from "./timeline.ts";
import type { World } from "./world.ts";

/** How a machine's services behave now. */
export type ServiceMood =
  | "well"
  | "slow"
  | "fails-to-start"
  | "hangs-in-start"
  | "fails-to-stop"
  /** It lies: status says that it runs, or that it does not; or start and stop do nothing and end well. */
  | "claims-to-run"
  | "claims-to-be-dead"
  | "claims-success";

/** Hash of the cluster file that all nodes should run. */
export const CONFIG_HASH = "0123456789abcdef";

export class Machine {
  readonly name: string;
  readonly index: number;
  readonly kernel = new Kernel();
  clock: BootClock;
  isPowered = false;
  process: Process | undefined;
  readonly disk: StateFile;
  /** How far its wall clock is off the true time of day. Nothing reads it but people. */
  wallOffsetMs = 0;
  /** The cluster file that its daemon reads at its next start. */
  config: ClusterConfig;
  serviceMood: ServiceMood = "well";
  /** Moods of single services, by resource; they count before the mood of all. */
  readonly moods = new Map<string, ServiceMood>();
  isMonitorDown = false;
  /** Verdicts of single monitors; they count before that of all. */
  readonly verdicts = new Map<string, Verdict>();
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
  /** The whole machine stands still: nothing runs, nothing is answered. */
  isPaused = false;
  /** True times of the last pause in which its clock stood still too. */
  stoppedClock: { readonly from: number; readonly until: number } | undefined;
  /** Packets that the network card still takes while the machine stands still. */
  #roomOnCard = 0;
  /** What waits until the machine goes on. */
  readonly #waiting: (() => void)[] = [];

  constructor(world: World, name: string, options: { index: number; rate: number }) {
    this.#world = world;
    this.name = name;
    this.index = options.index;
    this.#rate = options.rate;
    this.clock = this.#newClock();
    this.config = world.config;
    this.disk = new StateFile((ms, run) => this.after(ms, run));
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
    this.after(this.#world.random.machines.between(100, 600), () => this.startProcess(undefined));
  }

  /** A timer of this machine, in milliseconds of its clock: it stands still with the machine, and dies with its power. */
  after(ms: number, run: () => void): void {
    const { clock } = this;
    const { timeline } = this.#world;
    const due = after(clock.read(timeline.now), ms);
    const look = () => {
      if (clock !== this.clock || !this.isPowered) return;
      const at = clock.trueTime(due);
      if (this.isPaused) this.#waiting.push(look);
      else if (at > timeline.now + 0.001) timeline.at(at, look);
      else run();
    };
    timeline.at(clock.trueTime(due), look);
  }

  /**
   * The whole machine stands still: a hypervisor that gives it no time, or moves it elsewhere. When its clock stops
   * too, it does not know: its kernel's timers and its gates' deadlines go on afterwards as if no time had passed. Of
   * what arrives meanwhile, the first few packets wait on its network card.
   */
  pause(forMs: number, options: { clock: "runs" | "stops"; room: number }): void {
    if (!this.isPowered || this.isPaused) return;
    const world = this.#world;
    const { now } = world;
    const { clock } = this;
    const stops = options.clock === "stops";
    this.isPaused = true;
    this.#roomOnCard = options.room;
    this.process?.standStill();
    if (stops) {
      clock.stop(now, forMs);
      this.kernel.delay(now, forMs);
      this.stoppedClock = { from: now, until: now + forMs };
    }
    world.trace.line(now, this.name, `stands still for ${forMs.toFixed(1)} ms${stops ? ", its clock too" : ""}`);
    world.servingChanged();
    world.timeline.after(forMs, () => {
      if (clock === this.clock && this.isPaused) this.#goOn();
    });
  }

  #goOn(): void {
    const world = this.#world;
    this.isPaused = false;
    world.trace.line(world.now, this.name, "goes on");
    // Its kernel answers before any process runs.
    world.servingChanged();
    this.process?.goOn();
    for (const run of this.#waiting.splice(0)) run();
  }

  /** Does its network card take a packet now? */
  receives(): boolean {
    return this.isPowered && (!this.isPaused || this.#roomOnCard-- > 0);
  }

  /** Does it answer for the VIP and accept its traffic now? */
  serves(vip: VipConfig): boolean {
    return this.isPowered && !this.isPaused && this.kernel.serves(vip.id, this.#world.now);
  }

  powerOff(): void {
    if (!this.isPowered) return;
    this.isPowered = false;
    this.isPaused = false;
    this.stoppedClock = undefined;
    this.#waiting.length = 0;
    this.#isExecuting = false;
    this.disk.lostPower();
    this.kernel.clear();
    this.#running.clear();
    this.process?.kill();
    this.process = undefined;
    this.#world.trace.line(this.#world.now, this.name, "power lost");
    this.#world.servingChanged();
  }

  /** Starts the daemon unless it runs. Without a handover it closes and removes whatever stood before. */
  startProcess(handover: Handover | undefined): void {
    if (this.isPaused) {
      this.#waiting.push(() => this.startProcess(handover));
      return;
    }
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
      this.after(world.random.machines.between(50, 400), () => this.reportMonitor(process, monitor.name));
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
    this.after(this.#world.random.machines.between(100, 900), () => {
      this.#isExecuting = false;
      this.startProcess(handover);
    });
  }

  /** The daemon ended as asked; it stays down until somebody starts it. */
  hasLeft(process: Process): void {
    if (this.process !== process) return;
    this.killProcess("it left");
    if (this.shouldRun) this.after(300, () => this.startProcess(undefined));
  }

  /** Somebody puts another cluster file here and has the daemon take it. */
  replaceFile(config: ClusterConfig, hash: string, how: "restart" | "kill"): void {
    const world = this.#world;
    this.config = config;
    this.configHash = hash;
    world.trace.line(world.now, this.name, `gets the cluster file ${hash}`);
    if (how === "restart") {
      world.request(this, { verb: "restart" });
      return;
    }
    for (const checker of world.checkers) checker.requested(world, this, { verb: "restart" });
    this.killProcess("its cluster file was replaced");
    this.startProcess(undefined);
  }

  reportMonitor(process: Process | undefined, monitor: string): void {
    const verdict = this.verdicts.get(monitor) ?? (this.isMonitorDown ? "down" : "up");
    process?.deliverByMain((now) => ({ kind: "monitor", now, monitor, verdict, detail: "simulated" }));
  }

  carrierChanged(link: number): void {
    this.after(this.#world.random.machines.between(0.5, 3), () => this.process?.interfaceChanged(link));
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

  /** Somebody uses or wants a VIP on the segment. */
  overhear(link: number, address: string, mac: string, probe: boolean): void {
    if (!this.receives()) return;
    this.process?.deliver((now) => ({ kind: "announcement", now, link, address, mac, probe }), true);
  }

  /** Does this kernel answer for the address on that link? */
  hasAddress(link: number, address: string, vip: VipConfig | undefined): boolean {
    if (vip !== undefined) return (vip.link ?? 0) === link && this.serves(vip);
    return !this.isPaused && address === this.#world.address(link, this.index);
  }

  /** Runs a command of a service; `ended` is called once unless the power fails. */
  runService(effect: RunEffect, ended: (ok: boolean, detail: string) => void): void {
    const { random, checkers } = this.#world;
    for (const checker of checkers) checker.serviceOrdered(this.#world, this, effect);
    const mood = this.moods.get(effect.resource) ?? this.serviceMood;
    const isBroken =
      (effect.action === "start" && (mood === "fails-to-start" || mood === "hangs-in-start")) ||
      (effect.action === "stop" && mood === "fails-to-stop");
    const doesNothing = isBroken || mood === "claims-success";
    const hangs = mood === "hangs-in-start" && effect.action === "start";
    const slow = mood === "slow" && effect.action !== "status";
    const durationMs = hangs
      ? effect.command.timeoutMs
      : slow
        ? random.machines.between(300, 900)
        : random.machines.between(10, 80);
    this.after(durationMs, () => {
      if (!doesNothing && effect.action === "start") this.#running.add(effect.resource);
      if (!doesNothing && effect.action === "stop") this.#running.delete(effect.resource);
      const runs = mood === "claims-to-run" || (mood !== "claims-to-be-dead" && this.#running.has(effect.resource));
      const ok = effect.action === "status" ? runs : !isBroken;
      for (const checker of checkers) checker.serviceEnded(this.#world, this, effect, ok);
      ended(ok, hangs ? "timed out" : ok ? "exit 0" : "exit 1");
    });
  }

  /** Does the service's program run in truth, whatever anybody was told? */
  runs(resource: string): boolean {
    return this.#running.has(resource);
  }

  /** All services of this machine die, or one of them. */
  crashServices(resource?: string): void {
    if (resource === undefined) this.#running.clear();
    else this.#running.delete(resource);
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
