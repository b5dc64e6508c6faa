/**
 * One machine of the lab: a process namespace whose first process is a shell that waits, with its own network,
 * mounts, host name and folders. Killing that shell is a power failure: the kernel ends everything inside at
 * once and nobody gets to say goodbye.
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { until } from "./clock.ts";
import { enter, innerWall } from "./namespaces.ts";
import type { MemberPlan, ProgramPlan } from "./plan.ts";
import { childOf, processesBeside, signal } from "./processes.ts";
import { addressCommands, cableCommands, portCommands, runIp, unplug } from "./topology.ts";

/** How a command in a member ended. */
export interface CommandOutput {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MemberOptions {
  readonly ipv6: boolean;
  readonly keep: readonly string[];
}

interface Running {
  /** `unshare`, which dies with the first process inside. */
  readonly wall: ChildProcess;
  readonly wallEnded: Promise<void>;
  /** First process inside, as seen from here. */
  readonly pid: number;
}

export class Member {
  readonly plan: MemberPlan;
  readonly #options: MemberOptions;
  #running: Running | undefined;
  /** What started the programs, from outside of the member; each waits for its program. */
  readonly #starters = new Set<ChildProcess>();

  constructor(plan: MemberPlan, options: MemberOptions) {
    this.plan = plan;
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#running !== undefined;
  }

  /** First process of the member, as seen from the lab. Throws when it is off. */
  get pid(): number {
    if (this.#running === undefined) throw new Error(`${this.plan.name} is off`);
    return this.#running.pid;
  }

  /** Switches it on: namespaces, cables, addresses, programs that start at boot. */
  async boot(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.plan.name} is on already`);
    for (const folder of this.plan.volatile) {
      rmSync(join(this.plan.directory, folder), { recursive: true, force: true });
    }
    for (const bind of this.plan.binds) mkdirSync(bind.by, { recursive: true });
    const [command = "", ...rest] = innerWall(["sh", "-c", bootScript(this.plan, this.#options)]);
    const wall = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
    const wallEnded = new Promise<void>((resolve) => wall.once("exit", () => resolve()));
    let complaint = "";
    wall.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
    const isReady = await new Promise<boolean>((resolve) => {
      wall.stdout.once("data", () => resolve(true));
      wall.once("exit", () => resolve(false));
    });
    const pid = isReady && wall.pid !== undefined ? childOf(wall.pid) : undefined;
    if (pid === undefined) throw new Error(`${this.plan.name} did not boot: ${complaint.trim()}`);
    this.#running = { wall, wallEnded, pid };
    await runIp(cableCommands(this.plan.cables, pid));
    await runIp(addressCommands(this.plan), pid);
    for (const program of this.plan.programs) if (program.onBoot) this.start(program.name);
  }

  /** Pulls all cables in one batch, then ends everything inside. The order is that of a power failure: silence first. */
  async cutPower(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await runIp(portCommands(this.plan.cables, "down"));
    this.#running = undefined;
    signal(running.pid, "SIGKILL");
    // `nsenter` stops itself when its program is stopped; and a namespace ends only when its dead are buried.
    for (const starter of this.#starters) starter.kill("SIGCONT");
    await running.wallEnded;
    await unplug(this.plan.cables);
  }

  /** Ends everything inside, without care for the network; for the end of a lab. */
  destroy(): void {
    if (this.#running !== undefined) signal(this.#running.pid, "SIGKILL");
    this.#running = undefined;
  }

  program(name: string): ProgramPlan {
    const program = this.plan.programs.find((one) => one.name === name);
    if (program === undefined) throw new Error(`${this.plan.name} has no program ${name}`);
    return program;
  }

  /** Starts a program; its output goes to its log. Does not wait until it works. */
  start(name: string): void {
    const program = this.program(name);
    const log = openSync(program.log, "a");
    const [command = "", ...rest] = enter(this.pid, program.argv);
    const child = spawn(command, rest, {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...program.environment },
    });
    child.on("error", () => {}); // its absence is what observers see
    this.#starters.add(child);
    child.on("exit", () => this.#starters.delete(child));
    closeSync(log);
  }

  /** Processes of a program now. */
  processesOf(name: string): number[] {
    const { matches } = this.program(name);
    return processesBeside(this.pid)
      .filter((found) => found.commandLine.includes(matches))
      .map((found) => found.pid);
  }

  /** Sends a signal to all processes of a program and returns how many there were. */
  signalProgram(name: string, what: NodeJS.Signals): number {
    // The youngest first: a parent's death would be news to its children, and they would clean up.
    const pids = this.processesOf(name).sort((a, b) => b - a);
    for (const pid of pids) signal(pid, what);
    return pids.length;
  }

  /** Ends a program and returns when it is gone. */
  async stop(name: string, how: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.signalProgram(name, how);
    await until(`${name} of ${this.plan.name} ends`, () => {
      // A master that was hit after its worker may have started another one in between.
      const left = how === "SIGKILL" ? this.signalProgram(name, how) : this.processesOf(name).length;
      return left === 0;
    });
  }

  /** Runs a command inside to its end. */
  run(argv: readonly string[], { timeoutMs = 30_000, input = "" } = {}): Promise<CommandOutput> {
    const [command = "", ...rest] = enter(this.pid, argv);
    return new Promise((resolve) => {
      const child = spawn(command, rest, { timeout: timeoutMs, killSignal: "SIGKILL" });
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      child.stdin.on("error", () => {}); // it may end without reading
      child.stdin.end(input);
      child.on("error", (error) => (stderr += error.message));
      child.on("close", (code, by) =>
        resolve({ code: code ?? undefined, signal: by ?? undefined, timedOut: child.killed, stdout, stderr }),
      );
    });
  }
}

/**
 * What the first process does. It must be a shell in `wait`: that buries the dead children of daemons that
 * forked, as a real init would.
 */
export function bootScript(plan: MemberPlan, { ipv6, keep }: MemberOptions): string {
  const lines = ["set -e", `hostname ${quote(plan.name)}`, "mount -t sysfs sysfs /sys 2>/dev/null || true"];
  for (const { by, at } of plan.binds) {
    // What must stay visible is mounted into the replacement first, and travels with it.
    for (const path of keep.filter((one) => one.startsWith(`${at}/`))) {
      const inside = join(by, relative(at, path));
      lines.push(`mkdir -p ${quote(inside)}`, `mount --bind ${quote(path)} ${quote(inside)}`);
    }
    if (plan.binds.some((other) => at.startsWith(`${other.at}/`))) lines.push(`mkdir -p ${quote(at)}`);
    lines.push(`mount --rbind ${quote(by)} ${quote(at)}`);
  }
  if (ipv6) {
    // Tentative addresses and router solicitations would only make a lab slow to start.
    for (const scope of ["all", "default"]) {
      const folder = `/proc/sys/net/ipv6/conf/${scope}`;
      lines.push(
        `echo 0 > ${folder}/accept_dad`,
        `echo 0 > ${folder}/router_solicitations`,
        `echo 0 > ${folder}/accept_ra`,
      );
    }
  } else {
    lines.push("for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done");
  }
  lines.push("echo ready", "sleep infinity & wait");
  return lines.join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
