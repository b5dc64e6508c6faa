/**
 * A lab as tests, the tour, the terminal view and the command line use it. This side stays outside of the lab's
 * namespaces and speaks to its supervisor over a Unix socket; when this process dies, a lab that belongs to it
 * ends too.
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { request } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { existsSync, openSync, closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterStatus, NodeView } from "../api/types.ts";
import { labProgram } from "./child-observer.ts";
import type { ClientOptions } from "./checks/client-process.ts";
import type { HoldersReport } from "./checks/holder-watch.ts";
import { LoadClient } from "./load-client.ts";
import { nowMs, until } from "./clock.ts";
import { claimDirectory, makeLabDirectory, removeLabDirectory, removeLeftovers } from "./directory.ts";
import type { Noise } from "./faults/datagram-process.ts";
import type { RelayOptions } from "./faults/relay.ts";
import type { WireFault } from "./faults/wire.ts";
import { LineChannel } from "./line-channel.ts";
import type { CommandOutput } from "./member.ts";
import { systemPath, wall, whatIsMissing } from "./namespaces.ts";
import { LabNode } from "./lab-node.ts";
import { MOST_NODES, nodeNames, packageRoot, PUBLIC_VIP } from "./plan.ts";
import type { LabOptions, LabPlan } from "./plan.ts";
import { nodePaths, prepareLab } from "./prepare.ts";
import type { LabState, Operations } from "./supervisor.ts";
import { Visitors } from "./traffic/visitors.ts";

/** Options of `Lab.up` beyond the lab's own shape. */
export interface UpOptions extends LabOptions {
  /** A name for the lab; without one it gets a random one. */
  readonly name?: string;
  /** Let the lab outlive this process; default false. */
  readonly background?: boolean;
  /** Return only when the site answers and the daemons agree; default true where daemons are started. */
  readonly waitForCalm?: boolean;
}

/** How an Understudy command ended. */
export interface UnderstudyOutput {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running lab. */
export class Lab implements AsyncDisposable {
  readonly plan: LabPlan;
  readonly directory: string;
  readonly nodes: readonly LabNode[];
  readonly holders: Holders;
  readonly #channel: LineChannel;
  readonly #socket: Socket;
  readonly #supervisor: ChildProcess | undefined;

  private constructor(plan: LabPlan, socket: Socket, supervisor: ChildProcess | undefined) {
    this.plan = plan;
    this.directory = plan.directory;
    this.#socket = socket;
    this.#supervisor = supervisor;
    this.#channel = new LineChannel(socket, socket);
    this.nodes = plan.nodes.map((member) => new LabNode(this, member));
    this.holders = new Holders(this);
  }

  /** Builds a lab. Throws with the fix when this machine cannot, and leaves nothing behind then. */
  static async up(options: UpOptions = {}): Promise<Lab> {
    removeLeftovers();
    const directory = makeLabDirectory(options.name);
    let supervisor: ChildProcess | undefined;
    let lab: Lab | undefined;
    try {
      const plan = prepareLab(options, directory);
      supervisor = startSupervisor(plan, options.background ?? false);
      await ready(supervisor, plan);
      lab = new Lab(plan, await dial(plan.socket), supervisor);
      if (options.background) lab.#release();
      const isSomebodyThere = options.program !== "none" && options.startDaemons !== false;
      if (options.waitForCalm ?? isSomebodyThere) await lab.calm();
      return lab;
    } catch (error) {
      lab?.close();
      supervisor?.stdin?.end();
      supervisor?.kill("SIGKILL");
      const log = join(directory, "supervisor.log");
      const words = existsSync(log) ? readFileSync(log, "utf8").trim() : "";
      const daemons = lastWordsOfDaemons(directory);
      removeLabDirectory(directory);
      const [problem] = whatIsMissing();
      if (problem !== undefined) throw new Error(`${problem.message}\n  next: ${problem.next}`, { cause: error });
      throw new Error([(error as Error).message, words, ...daemons].filter(Boolean).join("\n"), { cause: error });
    }
  }

  /** Connects to a lab that runs in the background. */
  static async attach(directory: string): Promise<Lab> {
    const plan = JSON.parse(readFileSync(join(directory, "plan.json"), "utf8")) as LabPlan;
    return new Lab(plan, await dial(plan.socket), undefined);
  }

  /** One operation of the supervisor. */
  async call<Name extends keyof Operations>(
    name: Name,
    ...params: Parameters<Operations[Name]>
  ): Promise<Awaited<ReturnType<Operations[Name]>>> {
    return (await this.#channel.call(name, params[0] ?? {})) as Awaited<ReturnType<Operations[Name]>>;
  }

  node(name: string): LabNode {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`no node ${name} in this lab`);
    return node;
  }

  state(): Promise<LabState> {
    return this.call("state");
  }

  /** Starts a visitor of the site: by default a request every 5 ms with a limit of 50 ms each. */
  startClient(options: Partial<ClientOptions> & { readonly isUnlimited?: boolean } = {}): Promise<LoadClient> {
    const { isUnlimited, ...rest } = options;
    const limit = isUnlimited ? {} : { limitMs: 50 };
    return LoadClient.start(this, { address: PUBLIC_VIP, everyMs: 5, ...limit, ...rest });
  }

  /** People who use a balanced site. */
  startVisitors(): Promise<Visitors> {
    return Visitors.start(this);
  }

  /** Runs a command in a member. */
  run(
    member: string,
    argv: readonly string[],
    options: { timeoutMs?: number; input?: string } = {},
  ): Promise<CommandOutput> {
    return this.call("run", { member, argv: [...argv], ...options });
  }

  /** Node whose page the site shows now, asked once from the client; undefined when none comes within the limit. */
  async page(limitMs = 1_500): Promise<string | undefined> {
    const seconds = String(limitMs / 1000);
    const script = `exec 3<>/dev/tcp/${PUBLIC_VIP}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3`;
    // With a socket as its standard input a shell takes itself for a remote one and reads the user's own start-up file.
    const output = await this.run("client", ["timeout", "-s", "KILL", seconds, "bash", "--norc", "-c", script]);
    return output.code === 0 ? output.stdout.trim() || undefined : undefined;
  }

  /** Runs an Understudy command against a node's daemon, from outside. */
  understudy(node: string, argv: readonly string[], { timeoutMs = 20_000 } = {}): Promise<UnderstudyOutput> {
    const { runtimeDirectory } = nodePaths(this.directory, node);
    const command = join(packageRoot, "bin/understudy");
    return new Promise((resolve) => {
      const child = spawn(command, [...argv, "--runtime-dir", runtimeDirectory], {
        env: { ...process.env, UNDERSTUDY_NODE: process.execPath },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      });
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      child.on("error", (error) => (stderr += error.message));
      child.on("close", (code) => resolve({ code: code ?? undefined, stdout, stderr }));
    });
  }

  /** Asks a node's daemon over its Unix socket. Throws when it does not answer in time or answers with an error. */
  ask(
    node: string,
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    { timeoutMs = 10_000 } = {},
  ): Promise<unknown> {
    const socketPath = join(nodePaths(this.directory, node).runtimeDirectory, "understudy.sock");
    return new Promise((resolve, reject) => {
      const asking = request({
        socketPath,
        method,
        path,
        timeout: timeoutMs,
        headers: { "content-type": "application/json" },
      });
      asking.on("timeout", () => asking.destroy(new Error(`${node}'s daemon did not answer within ${timeoutMs} ms`)));
      asking.on("error", reject);
      asking.on("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () => {
          if ((response.statusCode ?? 500) >= 400)
            reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
          else resolve(JSON.parse(text));
        });
      });
      asking.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async view(node: string, timeoutMs = 1_000): Promise<NodeView> {
    return (await this.ask(node, "GET", "/v1/view", undefined, { timeoutMs })) as NodeView;
  }

  async status(node: string, timeoutMs = 3_000): Promise<ClusterStatus> {
    return (await this.ask(node, "GET", "/v1/status", undefined, { timeoutMs })) as ClusterStatus;
  }

  /**
   * Waits until the site answers steadily from one node, and (with the real daemon) every node that is on is
   * online, hears all others on all links, and names the same holder. Returns that node.
   */
  async calm(limitMs = 20_000): Promise<string> {
    let obstacle = "";
    let steady = 0;
    let last: string | undefined;
    try {
      return await until(
        "calm",
        async () => {
          const page = this.plan.isBalanced ? await this.#believedHolder() : await this.page();
          obstacle = page === undefined ? "the site does not answer" : "";
          if (obstacle === "" && this.plan.understudy) obstacle = await this.#disagreement(page);
          steady = obstacle === "" && page === last ? steady + 1 : 0;
          last = page;
          return steady >= 2 ? page : undefined;
        },
        { limitMs, everyMs: 50 },
      );
    } catch {
      throw new Error(`no calm after ${limitMs} ms: ${obstacle || "the holder changes all the time"}`);
    }
  }

  /** Behind a balancer a page tells nothing about the holder; it only must come. */
  async #believedHolder(): Promise<string | undefined> {
    if ((await this.page()) === undefined) return undefined;
    const { members } = await this.state();
    const name = this.nodes.find((node) => members.some((one) => one.name === node.name && one.isOn))?.name;
    const view = name === undefined ? undefined : await this.view(name).catch(() => undefined);
    return view?.groups[0]?.holder;
  }

  /** What speaks against calm in the daemons' own views; empty when nothing does. */
  async #disagreement(page: string | undefined): Promise<string> {
    const { members } = await this.state();
    const names = this.nodes
      .map((node) => node.name)
      .filter((name) => members.some((one) => one.name === name && one.isOn));
    const views = await Promise.all(
      names.map((name) => this.view(name).catch((error: Error) => `${name}: ${error.message}`)),
    );
    for (const view of views) {
      if (typeof view === "string") return view;
      if (view.mode !== "online") return `${view.node} is ${view.mode}`;
      const peer = view.peers.find(
        (one) => names.includes(one.node) && (one.state !== "up" || one.links.some((link) => !link.up)),
      );
      if (peer !== undefined) return `${view.node} does not hear ${peer.node} well: ${peer.state}`;
      const group = view.groups.find((one) => one.holder !== page);
      if (group !== undefined)
        return `${view.node} believes ${group.name} is on ${group.holder}, the page comes from ${page}`;
      const candidate = view.groups
        .flatMap((one) => one.candidates)
        .find((one) => names.includes(one.node) && !one.eligible);
      if (candidate !== undefined) return `${candidate.node} is not eligible: ${candidate.because}`;
    }
    return "";
  }

  /**
   * Puts a bad path between all nodes' heartbeats: late, doubled, out of order. Undefined ends it. The original
   * datagrams are dropped at the ports and copies travel instead.
   */
  async relayHeartbeats(options: Omit<RelayOptions, "port"> | undefined): Promise<void> {
    const cables = this.plan.nodes.flatMap((node) => node.cables);
    if (options === undefined) {
      await this.call("clearWireFaults", { ports: cables.map((one) => one.port) });
      await this.call("relay", {});
      return;
    }
    await this.call("relay", { options: { ...options, port: 694 } });
    const loss = { kind: "heartbeats" } as const;
    const faults = cables.map(({ port, link }): WireFault => ({ port, link, direction: "from-node", loss }));
    await this.call("addWireFaults", { faults });
  }

  /** Throws random datagrams from a member at an address, and returns when all are sent. */
  async makeNoise(member: string, noise: Noise): Promise<void> {
    const program = labProgram(new URL("./faults/datagram-process.ts", import.meta.url));
    const { code, stderr } = await this.run(member, [process.execPath, program, JSON.stringify(noise)]);
    if (code !== 0) throw new Error(`noise from ${member} failed: ${stderr}`);
  }

  /** Hardware address that a member has for an address in its neighbour table; undefined when it has none. */
  async neighbour(member: string, address: string): Promise<string | undefined> {
    const { stdout } = await this.run(member, ["ip", "neighbour", "show", "to", address]);
    return /lladdr (\S+)/.exec(stdout)?.[1];
  }

  /** A moment on the clock that clients and observers use. */
  now(): number {
    return nowMs();
  }

  /** Ends the lab and removes everything. */
  async down(): Promise<void> {
    const gone = this.#supervisor === undefined ? this.#channel.closed : exited(this.#supervisor);
    await this.call("down").catch(() => {}); // it may end before it answers
    await gone;
    this.close();
    removeLabDirectory(this.directory);
  }

  /** Lets go of a background lab without ending it. */
  close(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #release(): void {
    this.#supervisor?.unref();
  }
}

/** The observer that knows from the wire who holds the VIPs. */
export class Holders {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Begins to ask for the VIPs at this pace and to record who uses them. */
  start({ everyMs = 1 } = {}): Promise<void> {
    return this.#lab.call("watchHolders", { everyMs });
  }

  stop(): Promise<void> {
    return this.#lab.call("unwatchHolders");
  }

  /** Sums up a window; default everything since the start. */
  report({ fromMs = 0, toMs = nowMs() }: { fromMs?: number; toMs?: number } = {}): Promise<HoldersReport> {
    return this.#lab.call("holders", { fromMs, toMs });
  }

  /** Nodes that used each VIP within the last 20 ms. */
  serving(): Promise<Record<string, string[]>> {
    return this.#lab.call("serving");
  }
}

/** Builds a lab, uses it, and takes it down whatever happens. */
export async function withLab<T>(options: UpOptions, use: (lab: Lab) => Promise<T>): Promise<T> {
  await using lab = await Lab.up(options);
  return await use(lab);
}

const LAST_LINES = 4;

/** The end of each daemon's log, because its folder goes away with a lab that did not come up. */
function lastWordsOfDaemons(directory: string): string[] {
  return nodeNames(MOST_NODES).flatMap((name) => {
    const { daemonLog } = nodePaths(directory, name);
    if (!existsSync(daemonLog)) return [];
    return [`${name}:`, ...readFileSync(daemonLog, "utf8").trim().split("\n").slice(-LAST_LINES)];
  });
}

function startSupervisor(plan: LabPlan, isBackground: boolean): ChildProcess {
  const log = openSync(join(plan.directory, "supervisor.log"), "a");
  const argv = [
    process.execPath,
    labProgram(new URL("./supervisor.ts", import.meta.url)),
    join(plan.directory, "plan.json"),
    isBackground ? "free" : "tied",
  ];
  const [command = "", ...rest] = wall(argv, process.getuid?.() ?? 0);
  // Its own session: a Ctrl-C in the terminal reaches only us, and we decide what happens to the lab.
  const supervisor = spawn(command, rest, {
    stdio: [isBackground ? "ignore" : "pipe", "pipe", log],
    detached: true,
    env: { ...process.env, PATH: systemPath() },
  });
  closeSync(log);
  supervisor.on("error", () => {}); // `ready` reports the exit
  if (supervisor.pid !== undefined) claimDirectory(plan.directory, supervisor.pid);
  return supervisor;
}

const START_LIMIT_MS = 20_000;

async function ready(supervisor: ChildProcess, plan: LabPlan): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the lab did not start in time")), START_LIMIT_MS);
    supervisor.stdout?.once("data", () => {
      clearTimeout(timer);
      resolve();
    });
    supervisor.once("exit", (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`the lab ${plan.id} did not start (${code ?? signal})`));
    });
  });
  supervisor.stdout?.destroy();
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}
