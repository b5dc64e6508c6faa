/** Draws the terminal view: a model in, lines with colours out. Knows nothing of terminals but their width. */

import type { BalancerView, MemberView } from "../api/balancer.ts";
import type { EventRecord, NodeView } from "../api/types.ts";
import type { ClientNumbers } from "./checks/client-process.ts";
import type { WireFault } from "./faults/wire.ts";

/** A node as the view shows it. */
export interface NodeModel {
  readonly name: string;
  readonly isOn: boolean;
  readonly daemon: "runs" | "frozen" | "dead";
  /** The web server. */
  readonly web: "runs" | "dead";
  /** What the daemon says of itself; undefined while it cannot be asked. */
  readonly view: NodeView | undefined;
  /** What it says of its engine; undefined in a lab without a balancer, and while it cannot be asked. */
  readonly balancer?: BalancerView | undefined;
  readonly cables: readonly { readonly link: string; readonly port: string; readonly isPulled: boolean }[];
}

/** One moment of the site's recent past. */
export type Moment = { readonly node: string } | { readonly node: undefined };

export interface ViewModel {
  readonly lab: string;
  readonly vip: string;
  readonly nodes: readonly NodeModel[];
  readonly faults: readonly WireFault[];
  readonly client: ClientNumbers | undefined;
  /** Nodes that use the VIP on the wire now. */
  readonly serving: readonly string[];
  readonly twoHoldersMs: number;
  readonly events: readonly EventRecord[];
  /** Oldest first. */
  readonly past: readonly Moment[];
  /** Node that the fault keys act on; undefined means the holder. */
  readonly chosen: string | undefined;
  /** What the last key did. */
  readonly message: string;
}

const RESET = "\x1b[0m";
const STYLES = {
  bold: "\x1b[1m",
  dim: "\x1b[2m",
  red: "\x1b[31m",
  green: "\x1b[32m",
  yellow: "\x1b[33m",
  cyan: "\x1b[36m",
} as const;
type Style = keyof typeof STYLES;

/** A piece of a line. Styles are kept apart from text, so that cutting a line never cuts a colour code. */
interface Piece {
  readonly text: string;
  readonly style: Style | undefined;
}

type Line = readonly (Piece | string)[];

function styled(text: string, style: Style): Piece {
  return { text, style };
}

function drawLine(line: Line, columns: number): string {
  let room = columns;
  let drawn = "";
  for (const piece of line) {
    const { text, style } = typeof piece === "string" ? { text: piece, style: undefined } : piece;
    const shown = text.slice(0, room);
    room -= shown.length;
    drawn += style === undefined ? shown : `${STYLES[style]}${shown}${RESET}`;
    if (room <= 0) break;
  }
  return drawn;
}

/** The whole screen, at most `rows` lines of at most `columns` visible characters. */
export function renderView(model: ViewModel, { columns, rows }: { columns: number; rows: number }): string[] {
  const keys = keyLines(model);
  const top: Line[] = [
    ...headLines(model),
    [],
    ...nodeLines(model),
    [],
    ...clientLines(model, columns),
    [],
    [styled(" latest events", "dim")],
  ];
  const room = Math.max(0, rows - top.length - keys.length - 1);
  const events = eventLines(model, room);
  const filler: Line[] = Array.from({ length: room - events.length }, () => []);
  return [...top, ...events, ...filler, [], ...keys].slice(0, rows).map((line) => drawLine(line, columns));
}

/** Reasons that say where a group is; others only tell what happened around it. */
const DECISIVE: ReadonlySet<EventRecord["reason"]> = new Set<EventRecord["reason"]>([
  "GROUP_TAKEN",
  "GROUP_MOVING",
  "GROUP_HOMELESS",
  "GROUP_LAPSED",
  "GROUP_YIELDED",
  "GROUP_STAYS",
]);

function headLines(model: ViewModel): Line[] {
  const groups = model.nodes.flatMap(({ view }) => view?.groups.filter((group) => group.role === "holding") ?? []);
  const group = groups.toSorted((a, b) => b.epoch - a.epoch)[0];
  const [holder, ...others] = model.serving;
  const onWire: Line =
    holder === undefined
      ? [styled("nobody", "red")]
      : [styled([holder, ...others].join(" AND "), others.length === 0 ? "green" : "red")];
  const why = model.events.findLast((event) => DECISIVE.has(event.reason));
  return [
    [styled(" Understudy", "bold"), `   lab ${model.lab} on this machine: ${model.nodes.length} servers, one visitor`],
    [],
    [` ${model.vip}  is held by `, ...onWire, ...(group === undefined ? [] : [`   epoch ${group.epoch}`])],
    ["   why  ", styled(why === undefined ? "no decision yet" : why.text, "cyan")],
    [
      "   time with two holders so far: ",
      styled(`${Math.ceil(model.twoHoldersMs)} ms`, model.twoHoldersMs > 0 ? "red" : "green"),
    ],
  ];
}

function nodeLines(model: ViewModel): Line[] {
  const links = model.nodes[0]?.cables.map((cable) => cable.link) ?? [];
  const head = ["", "power", "daemon", "web", "mode", "group", ...links.map((link) => `${link} cable`)];
  const lines: Line[] = [[styled(row(head), "dim")]];
  for (const node of model.nodes) {
    const mark = model.chosen === node.name ? ">" : " ";
    const name = `${mark}${node.name}`;
    if (!node.isOn) {
      lines.push([styled(cell(` ${name}`, 0), "bold"), styled("off", "red")]);
      continue;
    }
    const role = node.view?.groups[0]?.role;
    const cells: Piece[] = [
      styled(cell(` ${name}`, 0), "bold"),
      styled(cell("on", 1), "green"),
      good(cell(node.daemon, 2), node.daemon === "runs"),
      good(cell(node.web, 3), node.web === "runs"),
      styled(cell(node.view?.mode ?? "?", 4), node.view?.mode === "online" ? "green" : "yellow"),
      styled(cell(role ?? "?", 5), role === "holding" ? "green" : role === "idle" ? "dim" : "yellow"),
      ...node.cables.map((cable, index) => {
        const words = cableWords(model, cable);
        return good(cell(words, 6 + index), words === "good");
      }),
    ];
    lines.push(cells);
    for (const peer of node.view?.peers ?? []) {
      const silent = peer.links.map((link) => (link.up ? "ok" : `silent ${seconds(link.silentMs)}`)).join(", ");
      lines.push([
        styled(`      hears ${peer.node}: ${peer.state} (${silent})`, peer.state === "up" ? "dim" : "yellow"),
      ]);
    }
    if (node.balancer !== undefined) lines.push(balancerLine(node.balancer));
  }
  return lines;
}

/** One engine and what it makes of every member. */
function balancerLine(view: BalancerView): Line {
  const members = view.pools.flatMap(({ pool, members: all, servingAll }) =>
    all.map((member) => [pool, member, servingAll] as const),
  );
  return [
    "      ",
    good(`${view.engine} ${view.state === "running" ? "runs" : view.state}`, view.state === "running"),
    styled(` ${Math.round(view.requestsPerSecond)} requests/s, ${view.connections} connections;`, "dim"),
    ...members.map(([pool, member, servingAll]) => {
      const state = memberState(member);
      const text = `  ${pool}/${member.member} ${state} ${member.sessions}${servingAll ? " SUSPECTED" : ""}`;
      return styled(text, servingAll || state === "down" ? "red" : state === "up" ? "green" : "yellow");
    }),
  ];
}

function memberState({ health, drain }: MemberView): string {
  if (health === "down") return "down";
  return drain === undefined ? health : "draining";
}

const WIDTHS = [8, 7, 8, 7, 11, 11, 24, 24];

function cell(text: string, column: number): string {
  const width = WIDTHS[column] ?? 24;
  return `${text.slice(0, width - 1).padEnd(width)}`;
}

function row(cells: readonly string[]): string {
  return cells.map((text, column) => cell(text, column)).join("");
}

function good(text: string, isGood: boolean): Piece {
  return styled(text, isGood ? "green" : "red");
}

function cableWords(model: ViewModel, cable: NodeModel["cables"][number]): string {
  if (cable.isPulled) return "unplugged";
  const words = model.faults
    .filter((fault) => fault.port === cable.port)
    .map(({ loss, direction }) => {
      const what =
        loss.kind === "everything" ? "dead" : loss.kind === "share" ? `loses ${loss.percent} %` : `no ${loss.kind}`;
      return direction === "both" ? what : `${what} ${direction}`;
    });
  return words.join(", ") || "good";
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "-" : `${(ms / 1000).toFixed(2)} s`;
}

function clientLines(model: ViewModel, columns: number): Line[] {
  const { client } = model;
  if (client === undefined) return [[" the visitor is starting"]];
  const isOut = client.sincePageMs === undefined || client.sincePageMs > 100;
  return [
    [
      ` visitor  ${String(client.requestsPerSecond).padStart(3)} requests/s   `,
      styled(`${String(client.failedPerSecond).padStart(3)} failed/s`, client.failedPerSecond > 0 ? "red" : "green"),
      `   failed in all ${client.failed}   last gap ${seconds(client.lastGapMs)}   `,
      isOut ? styled("no page now", "red") : styled(`page from ${client.node}`, "green"),
    ],
    [" ", ...pastPieces(model, Math.max(0, columns - 2))],
  ];
}

/** The recent past as a ribbon: the number of the node that answered, or a gap. */
function pastPieces(model: ViewModel, width: number): Piece[] {
  return model.past.slice(-width).map((moment) => {
    if (moment.node === undefined) return styled("░", "red");
    const number = model.nodes.findIndex((node) => node.name === moment.node) + 1;
    return styled(String(number), number % 2 === 1 ? "green" : "cyan");
  });
}

const EVENT_STYLE: Readonly<Record<EventRecord["severity"], Style | undefined>> = {
  info: undefined,
  warning: "yellow",
  alert: "red",
};

function eventLines(model: ViewModel, room: number): Line[] {
  return model.events.slice(-room).map((event) => {
    const time = new Date(event.time).toTimeString().slice(0, 8);
    const text = `   ${time}.${String(event.time % 1000).padStart(3, "0")}  ${event.by}  ${event.text}`;
    const style = EVENT_STYLE[event.severity];
    return [style === undefined ? text : styled(text, style)];
  });
}

function keyLines(model: ViewModel): Line[] {
  const on = model.chosen ?? "the holder";
  const isBalanced = model.nodes.some(({ balancer }) => balancer !== undefined);
  return [
    [styled(` ${model.message}`, "yellow")],
    [` on ${on}: `, ...keys("p power", "f freeze", "k kill -9", "c cable out", "d cable dead", "n web server")],
    [
      " ",
      ...keys(
        "s switchover",
        ...(isBalanced ? ["b drain or undrain"] : []),
        "h heal all",
        "1-9 choose a server",
        "0 the holder",
        "q quit",
      ),
    ],
  ];
}

function keys(...words: readonly string[]): (Piece | string)[] {
  return words.flatMap((word) => [
    styled(word.split(" ")[0] ?? "", "bold"),
    ` ${word.split(" ").slice(1).join(" ")}   `,
  ]);
}
