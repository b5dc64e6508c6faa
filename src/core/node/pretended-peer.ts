/**
 * Another node as a test plays it: it writes well-formed frames, echoes what it hears, follows the epochs that
 * it is told and answers claims as the script says. It decides nothing by itself.
 */

import type { NodeMode } from "../base/words.ts";
import type { Claim, ClaimAnswer, Frame, FrameKind, GroupReport, Heard, Wish } from "../membership/frame.ts";

/** How a pretended node answers claims. */
export type Judgement =
  | { readonly kind: "grant" }
  | { readonly kind: "ignore" }
  | { readonly kind: "refuse"; readonly reason: string };

interface LastHeard {
  readonly incarnation: string;
  readonly sequence: number;
  readonly at: number;
}

/** One pretended node; the stage carries its frames. */
export class PretendedPeer {
  readonly name: string;
  /** Position in the cluster file. */
  readonly index: number;
  /** Its daemon runs and sends. */
  isUp = false;
  /** It is heard and hears nobody. */
  isDeaf = false;
  /** Its kernel answers ARP and echo. */
  isPowered = false;
  mode: NodeMode = "online";
  config: string;
  restartMs = 0;
  reach: number[];
  judgement: Judgement = { kind: "grant" };
  claims: Claim[] = [];
  wishes: Wish[] = [];
  /** Addresses that its kernel answers for whatever its daemon says; undefined: those that it says it holds. */
  serving: readonly string[] | undefined;
  readonly reports: Map<string, GroupReport>;
  #life = 0;
  #sequence = 0;
  #heard: (LastHeard | undefined)[];
  #asked: readonly Claim[] = [];

  constructor(options: { name: string; index: number; links: number; groups: readonly string[]; config: string }) {
    const { name, index, links, groups } = options;
    this.name = name;
    this.index = index;
    this.config = options.config;
    this.reach = Array.from({ length: links }, () => 2);
    this.#heard = Array.from({ length: links }, () => undefined);
    this.reports = new Map(groups.map((group) => [group, resting(group)]));
  }

  get incarnation(): string {
    return `${this.index.toString(16).padStart(8, "0")}${this.#life.toString(16).padStart(8, "0")}`;
  }

  /** Its daemon starts anew: another incarnation, nothing heard, nothing held. */
  restart(): void {
    this.#life++;
    this.#sequence = 0;
    this.#heard = this.#heard.map(() => undefined);
    this.#asked = [];
    this.claims = [];
    this.mode = "online";
    this.restartMs = 0;
    for (const [group, { epoch, holder, granted }] of this.reports) {
      this.reports.set(group, { ...resting(group), epoch, holder, granted });
    }
    this.isUp = true;
    this.isPowered = true;
  }

  /** Says something else about a group from the next frame on. */
  say(group: string, change: Partial<GroupReport>): void {
    this.reports.set(group, { ...(this.reports.get(group) ?? resting(group)), ...change });
  }

  /** Takes a frame in: remembers it for the echo, follows epochs. */
  hear(frame: Frame, now: number): void {
    if (this.isDeaf) return;
    this.#heard[frame.link] = { incarnation: frame.incarnation, sequence: frame.sequence, at: now };
    this.#asked = frame.claims;
    for (const theirs of frame.groups) {
      const mine = this.reports.get(theirs.name);
      if (mine === undefined || theirs.epoch <= mine.epoch) continue;
      this.say(theirs.name, { epoch: theirs.epoch, holder: theirs.holder, role: "idle", to: undefined, leaseMs: 0 });
    }
  }

  /** The next frame on a link. */
  write(kind: FrameKind, link: number, now: number): Frame {
    this.#sequence++;
    return {
      version: 2,
      speaks: 2,
      kind,
      node: this.name,
      incarnation: this.incarnation,
      sequence: this.#sequence,
      link,
      config: this.config,
      mode: this.mode,
      restartMs: this.restartMs,
      heard: this.#echoes(now),
      groups: [...this.reports.values()],
      reach: this.reach,
      claims: this.claims,
      claimAnswers: this.#answers(),
      wishes: this.wishes,
    };
  }

  #echoes(now: number): Heard[] {
    return this.#heard.flatMap((last, link) =>
      last === undefined
        ? []
        : [{ link, incarnation: last.incarnation, sequence: last.sequence, ageMs: now - last.at }],
    );
  }

  #answers(): ClaimAnswer[] {
    const { judgement } = this;
    if (judgement.kind === "ignore") return [];
    return this.#asked.map(({ group, epoch }) => {
      if (judgement.kind === "refuse") return { group, epoch, granted: false, reason: judgement.reason };
      this.say(group, { granted: Math.max(epoch, this.reports.get(group)?.granted ?? 0) });
      return { group, epoch, granted: true, reason: "" };
    });
  }
}

function resting(name: string): GroupReport {
  return {
    name,
    epoch: 0,
    holder: undefined,
    granted: 0,
    role: "idle",
    leaseMs: 0,
    eligible: true,
    reason: "is well",
    soft: true,
    to: undefined,
    seen: undefined,
  };
}
