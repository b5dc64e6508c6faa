/**
 * What users of the VIPs see: whether an answer comes, and from whom. Some sit on the VIP's own segment, the others
 * come through the gateway; mostly both see the same, and then it is told once. Whether a request would be answered
 * just now is asked of the world, so a gap is exact and does not depend on when somebody tried.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { World } from "../world.ts";
import type { Gap, Side } from "./simulation.ts";

/** While a VIP does not answer, it is asked so often. */
const ASK_EVERY_MS = 0.5;
/** What both sides see within so long is told together. */
const TOGETHER_MS = 5;

/** Told when a VIP falls silent, and when it answers again; `sides` are those that see it. */
export interface ClientEvents {
  readonly silent: (vip: VipConfig, sides: readonly Side[], at: number) => void;
  readonly answers: (vip: VipConfig, sides: readonly Side[], seen: { at: number; node: string; gapMs: number }) => void;
}

/** One VIP as one side sees it. */
interface Sight {
  readonly vip: VipConfig;
  readonly side: Side;
  silentSince: number | undefined;
  isTold: boolean;
  /** The end of a gap that is not told yet. */
  answered: { at: number; node: string; gapMs: number } | undefined;
}

/** Watches all VIPs from outside. */
export class ClientView {
  readonly gaps: Gap[] = [];
  readonly #world: World;
  readonly #origin: number;
  readonly #events: ClientEvents;
  readonly #sights: readonly Sight[];

  constructor(world: World, events: ClientEvents) {
    this.#world = world;
    this.#origin = world.now;
    this.#events = events;
    this.#sights = world.vips.flatMap((vip) =>
      sidesOf(world, vip).map(
        (side): Sight => ({ vip, side, silentSince: undefined, isTold: false, answered: undefined }),
      ),
    );
    this.look();
  }

  /** Something changed that may matter to clients. */
  look(changed?: VipConfig): void {
    const { now } = this.#world;
    for (const sight of this.#sights) {
      if (changed !== undefined && sight.vip !== changed) continue;
      const node = answering(this.#world, sight.vip, sight.side);
      if (node === undefined && sight.silentSince === undefined) {
        sight.silentSince = now;
        // Whatever ends in this very moment was no silence.
        this.#world.timeline.after(0, () => this.#ask(sight));
      } else if (node !== undefined && sight.silentSince !== undefined) this.#answered(sight, node);
    }
  }

  /** Gaps that have not ended. */
  open(): Gap[] {
    return this.#sights.flatMap((sight) =>
      sight.silentSince === undefined ? [] : [this.#gap(sight, sight.silentSince, undefined)],
    );
  }

  #answered(sight: Sight, node: string): void {
    const { now, timeline } = this.#world;
    const since = sight.silentSince ?? now;
    sight.silentSince = undefined;
    if (now === since) return;
    this.gaps.push(this.#gap(sight, since, now));
    sight.isTold = false;
    sight.answered = { at: now, node, gapMs: now - since };
    timeline.after(TOGETHER_MS, () => this.#tellAnswers(sight));
  }

  #tellAnswers({ vip, answered: first }: Sight): void {
    if (first === undefined) return;
    const together = this.#sights.filter((one) => one.vip === vip && one.answered?.node === first.node);
    const longest = together.map(({ answered }) => answered ?? first).toSorted((a, b) => b.gapMs - a.gapMs)[0] ?? first;
    this.#events.answers(vip, this.#sidesUnlessAll(together), longest);
    for (const one of together) one.answered = undefined;
  }

  #ask(sight: Sight): void {
    this.look(sight.vip);
    const { silentSince } = sight;
    if (silentSince === undefined) return;
    // A planned move takes a millisecond; only its end is told.
    if (!sight.isTold && this.#world.now - silentSince >= TOGETHER_MS) {
      const together = this.#sights.filter(
        (one) => one.vip === sight.vip && !one.isTold && one.silentSince === silentSince,
      );
      for (const one of together) one.isTold = true;
      this.#events.silent(sight.vip, this.#sidesUnlessAll(together), silentSince);
    }
    this.#world.timeline.after(ASK_EVERY_MS, () => {
      if (sight.silentSince === silentSince) this.#ask(sight);
    });
  }

  /** None means all: what everybody sees needs no names. */
  #sidesUnlessAll(sights: readonly Sight[]): Side[] {
    const all = this.#sights.filter(({ vip }) => vip === sights[0]?.vip);
    return sights.length === all.length ? [] : sights.map(({ side }) => side);
  }

  #gap({ vip, side }: Sight, since: number, to: number | undefined): Gap {
    const group = this.#world.config.groups.find(({ resources }) => resources.includes(vip))?.name ?? "?";
    return {
      vip: vip.address,
      group,
      side,
      from: since - this.#origin,
      to: to === undefined ? undefined : to - this.#origin,
      ms: (to ?? this.#world.now) - since,
    };
  }
}

function sidesOf(world: World, vip: VipConfig): Side[] {
  return world.hasGateway(vip.link ?? 0) ? ["segment", "gateway"] : ["segment"];
}

/** Name of the node from which one side gets an answer now. */
function answering(world: World, vip: VipConfig, side: Side): string | undefined {
  const { observers, routers } = world;
  if (side === "segment") return observers.answersClient(vip)?.name;
  for (const observer of observers.on(vip.link ?? 0)) {
    if (!observer.isRouter || !routers.isActive(observer.link, observer.host)) continue;
    const machine = observers.answerer(observer, vip);
    if (machine !== undefined) return machine.name;
  }
  return undefined;
}
