/** One node of a lab, with everything that can be done to it. Each inflicting method returns when it began. */

import { nowMs } from "./clock.ts";
import type { Direction, Loss, WireFault } from "./faults/wire.ts";
import type { Lab } from "./lab.ts";
import type { CommandOutput } from "./member.ts";
import type { CablePlan, LinkName, MemberPlan, ProgramPlan } from "./plan.ts";
import { nodePaths } from "./prepare.ts";
import type { NodePaths } from "./prepare.ts";
import type { Usage } from "./supervisor.ts";

/** Which cables a fault is about; default all. */
export type LinkChoice = LinkName | "all";

export interface CutOptions {
  readonly link?: LinkChoice;
  /** True: the device loses its carrier. False: the wire is silent but looks plugged in, as in a virtual machine. */
  readonly carrier: boolean;
  /** Only without loss of carrier; default both. */
  readonly direction?: Direction;
  /** Only without loss of carrier: a name by which it can be ended alone. */
  readonly cause?: string;
}

export class LabNode {
  readonly name: string;
  readonly plan: MemberPlan;
  readonly paths: NodePaths;
  readonly #lab: Lab;

  constructor(lab: Lab, plan: MemberPlan) {
    this.#lab = lab;
    this.plan = plan;
    this.name = plan.name;
    this.paths = nodePaths(lab.directory, plan.name);
  }

  /** All ports down in one batch, then everything inside is killed. */
  powerOff(): Promise<number> {
    return this.#lab.call("powerOff", { node: this.name });
  }

  /** Boots again: fresh network, empty /run, the disk as it was. */
  powerOn(): Promise<number> {
    return this.#lab.call("powerOn", { node: this.name });
  }

  /** SIGSTOP to the daemon. */
  freeze(): Promise<number> {
    return this.#signal("SIGSTOP");
  }

  /** SIGCONT to the daemon. */
  thaw(): Promise<number> {
    return this.#signal("SIGCONT");
  }

  /** SIGKILL to the daemon. */
  killDaemon(): Promise<number> {
    return this.#signal("SIGKILL");
  }

  /** Tells the daemon to block its main thread for a while, as a runaway computation would. */
  blockMainThread(): Promise<number> {
    return this.#signal("SIGUSR2");
  }

  startDaemon(): Promise<number> {
    return this.#lab.call("start", { node: this.name, program: "daemon" });
  }

  /** SIGTERM, and wait until it has left. */
  stopDaemon(): Promise<number> {
    return this.#lab.call("stop", { node: this.name, program: "daemon", how: "SIGTERM" });
  }

  /** Kills nginx at once: connections to it are refused from then on. */
  stopNginx(): Promise<number> {
    return this.#lab.call("stop", { node: this.name, program: "nginx", how: "SIGKILL" });
  }

  startNginx(): Promise<number> {
    return this.#lab.call("start", { node: this.name, program: "nginx" });
  }

  /** Kills the web server behind the balancer. */
  killWeb(): Promise<number> {
    return this.#lab.call("stop", { node: this.name, program: "web", how: "SIGKILL" });
  }

  /** Kills the balancer's engine; its daemon starts it again. */
  async killEngine(): Promise<number> {
    const { pid } = (await this.#lab.ask(this.name, "GET", "/v1/balancer")) as { readonly pid?: number };
    if (pid === undefined) throw new Error(`no engine runs on ${this.name}`);
    await this.run(["kill", "-9", String(pid)]);
    return nowMs();
  }

  startWeb(): Promise<number> {
    return this.#lab.call("start", { node: this.name, program: "web" });
  }

  /** Cuts cables until `healCables`. */
  cut({ link = "all", carrier, direction = "both", cause }: CutOptions): Promise<number> {
    if (!carrier) {
      return this.lose({ link, direction, loss: { kind: "everything" }, ...(cause === undefined ? {} : { cause }) });
    }
    return this.#lab.call("setCarrier", {
      node: this.name,
      links: this.#cables(link).map((one) => one.link),
      up: false,
    });
  }

  /** Replaces the device of a cable by a new one with the same name and addresses; the VIP is not on it. */
  replaceDevice(link: LinkName): Promise<number> {
    return this.#lab.call("replaceDevice", { node: this.name, link });
  }

  /** Adds a loss on cables until `healCables`. */
  lose({
    link = "all",
    direction = "both",
    loss,
    cause,
  }: {
    link?: LinkChoice;
    direction?: Direction;
    loss: Loss;
    cause?: string;
  }): Promise<number> {
    const faults = this.#cables(link).map(
      ({ port, link: on }): WireFault => ({
        port,
        link: on,
        direction,
        loss,
        ...(cause === undefined ? {} : { cause }),
      }),
    );
    return this.#lab.call("addWireFaults", { faults });
  }

  /** Ends all losses and plugs all cables in again. */
  async healCables(link: LinkChoice = "all"): Promise<number> {
    const cables = this.#cables(link);
    const atMs = await this.#lab.call("clearWireFaults", { ports: cables.map((one) => one.port) });
    await this.#lab.call("setCarrier", { node: this.name, links: cables.map((one) => one.link), up: true });
    return atMs;
  }

  run(argv: readonly string[], options: { timeoutMs?: number; input?: string } = {}): Promise<CommandOutput> {
    return this.#lab.run(this.name, argv, options);
  }

  /** Processes of a program, as seen inside the lab. */
  processes(program: ProgramPlan["name"] = "daemon"): Promise<number[]> {
    return this.#lab.call("processes", { node: this.name, program });
  }

  usage(program: ProgramPlan["name"] = "daemon"): Promise<Usage> {
    return this.#lab.call("usage", { node: this.name, program });
  }

  #signal(signal: NodeJS.Signals): Promise<number> {
    return this.#lab.call("signal", { node: this.name, program: "daemon", signal });
  }

  #cables(link: LinkChoice): CablePlan[] {
    return this.plan.cables.filter((one) => link === "all" || one.link === link);
  }
}
