/**
 * The live terminal view of a lab: looks four times a second, draws, and turns keys into faults. Restores the
 * terminal and ends the lab on every way out.
 */

import type { BalancerView } from "../api/balancer.ts";
import type { EventRecord } from "../api/types.ts";
import { pause } from "./clock.ts";
import { FAULTS, heal } from "./faults/catalog.ts";
import type { FaultName } from "./faults/catalog.ts";
import { Lab } from "./lab.ts";
import type { UpOptions } from "./lab.ts";
import type { LoadClient } from "./load-client.ts";
import { PUBLIC_VIP } from "./plan.ts";
import { renderView } from "./render-view.ts";
import type { Moment, NodeModel, ViewModel } from "./render-view.ts";

const REFRESH_MS = 250;
const MAX_EVENTS = 200;
const MAX_PAST = 500;
/** A daemon that is alive answers in a few milliseconds; a frozen one must not stop the view. */
const ASK_LIMIT_MS = 200;
/** A page that is older than this means that the site is away now. */
const STALE_PAGE_MS = 100;

const ENTER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE_SCREEN = "\x1b[?25h\x1b[?1049l";

const FAULT_KEYS: Readonly<Record<string, FaultName>> = {
  p: "power-off",
  f: "freeze",
  k: "kill",
  c: "unplug",
  d: "silence",
  n: "nginx",
};

/** Builds a lab and shows it until the user quits. */
export async function runLiveView(options: UpOptions): Promise<void> {
  process.stdout.write("building the lab …\n");
  const view = new LiveView(await Lab.up(options));
  try {
    await view.run();
  } finally {
    await view.end();
  }
}

class LiveView {
  readonly #lab: Lab;
  readonly #events = new Map<string, EventRecord>();
  readonly #past: Moment[] = [];
  readonly #startedAt = Date.now();
  #client: LoadClient | undefined;
  #chosen: string | undefined;
  #message = "press a key to break something; the site shall stay";
  #isOver = false;
  #lastFailed = 0;
  #holder: string | undefined;
  #isBusy = false;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Returns when the user quits or the process is told to end. */
  async run(): Promise<void> {
    const over = (): void => {
      this.#isOver = true;
    };
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, over);
    process.stdin.setRawMode(true);
    process.stdin.on("data", (keys: Buffer) => {
      for (const key of keys.toString("latin1")) void this.#press(key);
    });
    process.stdout.write(ENTER_SCREEN);
    await this.#lab.holders.start();
    this.#client = await this.#lab.startClient();
    while (!this.#isOver) {
      this.#draw(await this.#look());
      await pause(REFRESH_MS);
    }
  }

  /** Gives the terminal back and ends the lab. */
  async end(): Promise<void> {
    process.stdout.write(LEAVE_SCREEN);
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdout.write("ending the lab …\n");
    await this.#lab.down();
  }

  async #look(): Promise<ViewModel> {
    const lab = this.#lab;
    const [state, serving, report, numbers] = await Promise.all([
      lab.state(),
      lab.holders.serving(),
      lab.holders.report(),
      this.#client?.numbers(),
    ]);
    const nodes = await Promise.all(
      lab.nodes.map(async (node): Promise<NodeModel> => {
        const member = state.members.find((one) => one.name === node.name);
        const isOn = member?.isOn ?? false;
        const isRunning = (member?.programs["daemon"] ?? 0) > 0;
        const daemon = !isRunning ? "dead" : state.frozen.includes(node.name) ? "frozen" : "runs";
        return {
          name: node.name,
          isOn,
          daemon,
          web: (member?.programs[lab.plan.isBalanced ? "web" : "nginx"] ?? 0) > 0 ? "runs" : "dead",
          ...(isOn && daemon === "runs" ? await this.#ask(node.name) : { view: undefined }),
          cables: node.plan.cables.map(({ link, port }) => ({ link, port, isPulled: state.pulled.includes(port) })),
        };
      }),
    );
    await Promise.all(nodes.filter((one) => one.view !== undefined).map((one) => this.#collectEvents(one.name)));
    if (numbers !== undefined) {
      const isAway =
        numbers.sincePageMs === undefined || numbers.sincePageMs > STALE_PAGE_MS || numbers.failed > this.#lastFailed;
      this.#lastFailed = numbers.failed;
      // Behind a balancer pages come from all servers.
      this.#holder = lab.plan.isBalanced ? serving[PUBLIC_VIP]?.[0] : numbers.node;
      this.#past.push({ node: isAway ? undefined : numbers.node });
      if (this.#past.length > MAX_PAST) this.#past.shift();
    }
    return {
      lab: lab.plan.id,
      vip: PUBLIC_VIP,
      nodes,
      faults: state.wireFaults,
      client: numbers,
      serving: serving[PUBLIC_VIP] ?? [],
      twoHoldersMs: report.twoHoldersMs,
      events: [...this.#events.values()].toSorted((a, b) => a.time - b.time).slice(-MAX_EVENTS),
      past: this.#past,
      chosen: this.#chosen,
      message: this.#message,
    };
  }

  /** A daemon about itself and its engine, as far as it answers in time. */
  async #ask(node: string): Promise<Pick<NodeModel, "view" | "balancer">> {
    const lab = this.#lab;
    const [view, balancer] = await Promise.all([
      lab.view(node, ASK_LIMIT_MS).catch(() => undefined),
      lab.plan.isBalanced
        ? lab.ask(node, "GET", "/v1/balancer", undefined, { timeoutMs: ASK_LIMIT_MS }).catch(() => undefined)
        : undefined,
    ]);
    return { view, balancer: balancer as BalancerView | undefined };
  }

  /** Events that this node knows and we have not seen. Records travel, so the last seconds are asked for again. */
  async #collectEvents(node: string): Promise<void> {
    const latest = Math.max(
      this.#startedAt - 60_000,
      ...[...this.#events.values()].map((event) => event.time - 10_000),
    );
    const records = await this.#lab
      .ask(node, "GET", `/v1/events?after=${latest}`, undefined, { timeoutMs: ASK_LIMIT_MS })
      .catch(() => []);
    for (const record of records as EventRecord[]) this.#events.set(record.id, record);
    const surplus = [...this.#events.values()].toSorted((a, b) => b.time - a.time).slice(MAX_EVENTS);
    for (const record of surplus) this.#events.delete(record.id);
  }

  #draw(model: ViewModel): void {
    const columns = process.stdout.columns || 80;
    const rows = process.stdout.rows || 24;
    const lines = renderView(model, { columns, rows });
    // Home, then every line cleared to its end: no flicker, and nothing of a longer line before stays.
    process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }

  async #press(key: string): Promise<void> {
    if (key === "q" || key === "\x03") {
      this.#isOver = true;
      return;
    }
    if (/^[0-9]$/.test(key)) {
      this.#chosen = key === "0" ? undefined : (this.#lab.nodes[Number(key) - 1]?.name ?? this.#chosen);
      return;
    }
    if (this.#isBusy) {
      this.#message = "one thing at a time";
      return;
    }
    this.#isBusy = true;
    try {
      await this.#act(key);
    } catch (error) {
      this.#message = (error as Error).message.split("\n")[0] ?? "it failed";
    } finally {
      this.#isBusy = false;
    }
  }

  async #act(key: string): Promise<void> {
    const lab = this.#lab;
    if (key === "h") {
      this.#message = "healing everything …";
      await heal(lab);
      this.#message = "everything is healed";
      return;
    }
    if (key === "s") {
      await this.#switchOver();
      return;
    }
    const fault = FAULT_KEYS[key];
    const drains = key === "b" && lab.plan.isBalanced;
    if (fault === undefined && !drains) return;
    const victim = this.#chosen ?? this.#holder;
    if (victim === undefined) {
      this.#message = "nobody holds the address: choose a server with its number";
      return;
    }
    if (fault === undefined) {
      await this.#drainOrUndrain(victim);
      return;
    }
    if (fault === "nginx" && lab.plan.isBalanced) {
      await lab.node(victim).killWeb();
      this.#message = `${victim}: the web server is killed`;
      return;
    }
    await FAULTS[fault].inflict(lab.node(victim));
    this.#message = `${victim}: ${FAULTS[fault].summary}`;
  }

  async #drainOrUndrain(member: string): Promise<void> {
    const { balancer } = await this.#ask(this.#holder ?? member);
    const isDrained = balancer?.pools.some(({ members }) =>
      members.some((one) => one.member === member && one.drain !== undefined),
    );
    const verb = isDrained ? "undrain" : "drain";
    const answer = await this.#lab.understudy(this.#holder ?? member, [verb, member]);
    this.#message = (answer.stdout || answer.stderr).trim().split("\n")[0] || `${verb}: exit code ${answer.code}`;
  }

  async #switchOver(): Promise<void> {
    const lab = this.#lab;
    const from = this.#holder;
    const names = lab.nodes.map((node) => node.name);
    const next = names[(names.indexOf(from ?? "") + 1) % names.length] ?? "";
    const to = this.#chosen !== undefined && this.#chosen !== from ? this.#chosen : next;
    this.#message = `switchover to ${to} …`;
    const answer = await lab.understudy(to, ["switch", "www", "--to", to]);
    this.#message =
      (answer.stdout || answer.stderr).trim().split("\n")[0] || `switchover to ${to}: exit code ${answer.code}`;
  }
}
