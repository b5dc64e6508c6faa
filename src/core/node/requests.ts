/** What operators ask for, and the answers: each request is answered exactly once. */

import type { Problem } from "../base/report.ts";
import { MAX_WAITING_REQUESTS } from "../base/limits.ts";
import { after, earlier, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import { RESTART_SINCE_VERSION } from "../membership/frame.ts";
import { RESTART_MS } from "../base/timing.ts";
import type { Beats } from "./beats.ts";
import type { ReplyEffect } from "./effects.ts";
import type { Group } from "./group.ts";
import type { RequestInput, Verb } from "./inputs.ts";
import { inMaintenance, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** After an operator's move the next one is refused for so long. */
const JUST_MOVED_MS = 1_000;
/** The other nodes must agree to wait within this time. */
const AGREE_WITHIN_MS = 1_000;
/** A leaving node waits so long for the others to take its groups. */
const LEAVE_WITHIN_MS = 20_000;

type Outcome = ReplyEffect["outcome"];

/** The daemon's restart: first all peers must know, then the leases are stretched. */
interface Restart {
  readonly id: number;
  readonly giveUpAt: Instant;
  /** Per peer and link: the first sequence that told of the restart. */
  readonly told: Map<string, readonly number[]>;
  readonly until: Instant;
}

/** Verbs that leave a wish behind, which travels with the frames. */
const STATES_A_WISH: ReadonlySet<Verb["verb"]> = new Set(["standby", "online", "clear", "maintenance"]);

export class Requests {
  private readonly s: Surroundings;
  private readonly groups: ReadonlyMap<string, Group>;
  private readonly beats: Beats;
  private restart: Restart | undefined;
  private leaving: { readonly ids: number[]; readonly giveUpAt: Instant } | undefined;
  /** Set when the restart was agreed in this turn: after the last beats nothing more is sent. */
  private agreed: Restart | undefined;

  constructor(surroundings: Surroundings, groups: ReadonlyMap<string, Group>, beats: Beats) {
    this.s = surroundings;
    this.groups = groups;
    this.beats = beats;
  }

  take(turn: Turn, input: RequestInput): void {
    const { id, request } = input;
    const outcome = this.answer(turn, id, request);
    if (outcome !== undefined) turn.emit({ kind: "reply", id, outcome });
  }

  /** Follows up what takes longer than a turn. */
  settle(turn: Turn): void {
    this.settleRestart(turn);
    this.settleLeave(turn);
  }

  /** The last act before a restart: everything has been said, the leases are stretched, nothing changes any more. */
  afterBeats(turn: Turn): void {
    const agreed = this.agreed;
    if (agreed === undefined) return;
    this.s.frozen = true;
    const held = [...this.groups.values()].filter((group) => group.role === "holding");
    const macs: Record<string, string[]> = {};
    for (const peer of this.s.roster.peers.values()) macs[peer.name] = [...peer.macs];
    const handover = {
      groups: held.map((group) => ({ name: group.config.name, epoch: group.epoch, until: agreed.until })),
      wishes: this.s.wishes.all(),
      macs,
    };
    turn.emit({ kind: "reply", id: agreed.id, outcome: { kind: "handover", handover } });
  }

  /** Something is followed up that peers' echoes or the groups' progress may end in any step. */
  get isBusy(): boolean {
    return this.restart !== undefined || (this.leaving !== undefined && this.s.mode !== "left");
  }

  wakeAt(): Instant {
    return earlier(this.restart?.giveUpAt ?? NEVER, this.leaving?.giveUpAt ?? NEVER);
  }

  private answer(turn: Turn, id: number, request: Verb): Outcome | undefined {
    // A wish is told apart from older ones by its number, and who has not heard the others yet would give it an old one:
    // said here, and lost everywhere.
    if (this.s.mode === "observing" && STATES_A_WISH.has(request.verb)) {
      const message = `${this.s.me} has just started and does not know yet what was wished last`;
      return refuse("NOT_SETTLED", message, "ask another node, or try again in a moment");
    }
    switch (request.verb) {
      case "switch":
        return this.switch(turn, request.group, request.to);
      case "standby":
      case "online":
        return this.standby(turn, request.node, request.verb === "standby");
      case "clear":
        return this.clear(turn, request.group);
      case "maintenance":
        return this.maintenance(turn, request.on);
      case "restart":
        return this.beginRestart(turn, id);
      case "leave":
        return this.beginLeave(turn, id);
    }
  }

  private switch(turn: Turn, name: string, to: string): Outcome {
    const group = this.groups.get(name);
    if (group === undefined) return unknownGroup(name, this.groups);
    if (!group.config.prefer.includes(to)) {
      return refuse(
        "NODE_NOT_POSSIBLE",
        `${to} is no possible node of ${name}`,
        `choose one of ${group.config.prefer.join(", ")}`,
      );
    }
    if (inMaintenance(this.s)) {
      return refuse(
        "MAINTENANCE",
        "the cluster is in maintenance: nothing moves",
        "end it with `understudy maintenance off`",
      );
    }
    if (!group.mine) return this.switchElsewhere(turn, group, to);
    if (to === this.s.me) return { kind: "done", detail: `${name} is on ${to} already` };
    if (group.role !== "holding") {
      return refuse("NOT_SETTLED", `${name} is ${group.role} on ${this.s.me}`, askWhy(name));
    }
    // Of two who ask at once one wins; the other is told, and does not undo what it has not seen.
    if (turn.now < group.takenAt + JUST_MOVED_MS && this.s.wishes.get(`at/${name}`) === this.s.me) {
      return refuse("MOVE_IN_PROGRESS", `${name} was moved to ${this.s.me} for somebody else just now`, askWhy(name));
    }
    const candidate = group.standing.candidates.find((each) => each.node === to);
    if (candidate?.eligible !== true) {
      return refuse("NODE_NOT_ELIGIBLE", `${to} ${candidate?.because ?? "is unknown"}`, askWhy(name));
    }
    this.s.wishes.set(`at/${name}`, to, this.s.me);
    group.release(turn, { to, because: `an operator asked for ${to}` });
    return { kind: "done", detail: `${name} moves from ${this.s.me} to ${to}` };
  }

  private switchElsewhere(turn: Turn, group: Group, to: string): Outcome {
    const name = group.config.name;
    const next = askWhy(name);
    const released = group.holder === this.s.me ? group.report(turn.now).to : undefined;
    if (released !== undefined)
      return refuse("MOVE_IN_PROGRESS", `${name} is being moved to ${released} already`, next);
    if (group.role === "stopping") return refuse("MOVE_IN_PROGRESS", `${name} is being moved already`, next);
    if (group.claiming !== undefined) return refuse("MOVE_IN_PROGRESS", `${this.s.me} is taking ${name} already`, next);
    const holder = group.holder === undefined ? undefined : this.s.roster.peers.get(group.holder);
    if (holder?.alive !== true) return refuse("NO_HOLDER", `nobody holds ${name}`, next);
    const report = holder.reports.get(name);
    if (report?.role === "stopping" || report?.to !== undefined) {
      const target = report.to === undefined ? "another node" : report.to;
      return refuse("MOVE_IN_PROGRESS", `${name} is being moved from ${holder.name} to ${target} already`, next);
    }
    if (report?.role === "holding" && holder.name === to)
      return { kind: "done", detail: `${name} is on ${to} already` };
    return { kind: "forward", to: holder.name };
  }

  private standby(turn: Turn, node: string, on: boolean): Outcome {
    if (!this.s.config.nodes.some((each) => each.name === node)) {
      const names = this.s.config.nodes.map((each) => each.name).join(", ");
      return refuse("NODE_UNKNOWN", `the cluster has no node "${node}"`, `choose one of ${names}`);
    }
    this.s.wishes.set(`standby/${node}`, on ? "on" : "off", this.s.me);
    turn.urgent = true;
    return { kind: "done", detail: on ? `${node} goes to standby` : `${node} may hold groups again` };
  }

  private clear(turn: Turn, name: string): Outcome {
    if (!this.groups.has(name)) return unknownGroup(name, this.groups);
    this.s.wishes.set(`at/${name}`, "", this.s.me);
    this.s.wishes.set(`cleared/${name}`, "", this.s.me);
    turn.urgent = true;
    return { kind: "done", detail: `${name} is cleared on all nodes` };
  }

  private maintenance(turn: Turn, on: boolean): Outcome {
    this.s.wishes.set("maintenance", on ? "on" : "off", this.s.me);
    turn.urgent = true;
    turn.event(on ? "MAINTENANCE_ON" : "MAINTENANCE_OFF", { severity: on ? "warning" : "info", node: this.s.me });
    return { kind: "done", detail: on ? "nothing moves until maintenance is over" : "maintenance is over" };
  }

  private beginRestart(turn: Turn, id: number): Outcome | undefined {
    if (this.restart !== undefined)
      return refuse("RESTART_IN_PROGRESS", "a restart is under way already", "wait for it");
    const moving = [...this.groups.values()].find((group) => group.role === "starting" || group.role === "stopping");
    if (moving !== undefined) {
      return refuse("NOT_SETTLED", `${moving.config.name} is ${moving.role} here`, "try again when it has settled");
    }
    const silent = [...this.s.roster.peers.values()].find((peer) => !peer.alive && !peer.hasLeft);
    if (silent !== undefined) {
      const message = `${silent.name} is ${silent.state} and cannot agree to wait`;
      return refuse("RESTART_NOT_AGREED", message, "wait for it, or stop and start this daemon with a move");
    }
    const deaf = [...this.s.roster.peers.values()].find((peer) => peer.alive && peer.speaks < RESTART_SINCE_VERSION);
    if (deaf !== undefined) {
      const message = `${deaf.name} runs an older version that cannot be told to wait`;
      return refuse(
        "RESTART_NOT_AGREED",
        message,
        "stop and start this daemon with a move, or upgrade the other first",
      );
    }
    const until = after(turn.now, RESTART_MS);
    const told = new Map<string, readonly number[]>();
    for (const peer of this.s.roster.peers.values()) {
      if (peer.alive)
        told.set(
          peer.name,
          peer.links.map(() => peer.lastSent + 1),
        );
    }
    this.restart = { id, told, until, giveUpAt: after(turn.now, AGREE_WITHIN_MS) };
    this.beats.restartUntil = until;
    turn.urgent = true;
    turn.event("NODE_RESTARTING", { node: this.s.me });
    return undefined;
  }

  private settleRestart(turn: Turn): void {
    const restart = this.restart;
    if (restart === undefined) return;
    const waitingFor = [...restart.told].filter(([name, told]) => {
      const peer = this.s.roster.peers.get(name);
      // A node that falls silent now might take over while the lease is stretched: it must have heard.
      return (
        peer !== undefined &&
        peer.state !== "left" &&
        !told.some((sequence, link) => (peer.echoed[link] ?? 0) >= sequence)
      );
    });
    if (waitingFor.length > 0) {
      if (turn.now < restart.giveUpAt) return;
      this.restart = undefined;
      this.beats.restartUntil = LONG_AGO;
      const names = waitingFor.map(([name]) => name).join(", ");
      const outcome = refuse(
        "RESTART_NOT_AGREED",
        `${names} did not agree to wait`,
        "`understudy status` shows how they are",
      );
      turn.emit({ kind: "reply", id: restart.id, outcome });
      return;
    }
    for (const group of this.groups.values()) group.extend(turn, restart.until);
    this.restart = undefined;
    this.agreed = restart;
  }

  private beginLeave(turn: Turn, id: number): Outcome | undefined {
    if (this.leaving !== undefined) {
      if (this.leaving.ids.length >= MAX_WAITING_REQUESTS) return refuse("TOO_MANY", "too many wait for this", "wait");
      this.leaving.ids.push(id);
      return undefined;
    }
    this.leaving = { ids: [id], giveUpAt: after(turn.now, LEAVE_WITHIN_MS) };
    this.s.leaving = true;
    turn.urgent = true;
    turn.event("NODE_LEAVING", { node: this.s.me });
    return undefined;
  }

  private settleLeave(turn: Turn): void {
    const leaving = this.leaving;
    if (leaving === undefined || this.s.mode === "left") return;
    for (const group of this.groups.values()) {
      const elsewhere = group.standing.placement.node !== undefined && group.standing.placement.node !== this.s.me;
      const hopeless = turn.now >= leaving.giveUpAt || !elsewhere;
      if (group.mine && hopeless) group.release(turn, { to: undefined, because: `${this.s.me} leaves` });
    }
    const busy = [...this.groups.values()].some((group) => group.mine || group.role === "stopping");
    if (busy && turn.now < after(leaving.giveUpAt, LEAVE_WITHIN_MS)) return;
    this.s.mode = "left";
    turn.urgent = true;
    for (const id of leaving.ids)
      turn.emit({ kind: "reply", id, outcome: { kind: "done", detail: "everything is released" } });
  }
}

function refuse(code: string, message: string, next: string): Outcome {
  const problem: Problem = { code, severity: "error", message, next };
  return { kind: "refused", problem };
}

/** The way to the reasons. */
function askWhy(group: string): string {
  return `\`understudy why ${group}\` tells the reason`;
}

function unknownGroup(name: string, groups: ReadonlyMap<string, Group>): Outcome {
  return refuse(
    "GROUP_UNKNOWN",
    `the cluster has no group "${name}"`,
    `choose one of ${[...groups.keys()].join(", ")}`,
  );
}
