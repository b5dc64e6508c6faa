import fc from "fast-check";
import { expect, test } from "vitest";
import { instant, type Instant } from "../base/time.ts";
import { CLOCK_STRETCH, timingFrom } from "../base/timing.ts";
import type { Frame, GroupReport, Heard } from "./frame.ts";
import { Roster, type HeardOutcome, type Peer } from "./roster.ts";

const OWN = "00000000000000aa";
const FIRST = "00000000000000b1";
const SECOND = "00000000000000b2";
const timing = timingFrom({ intervalMs: 100, evidenceMs: 120, marginMs: 30 });
const nodes = ["srv1", "srv2"].map((name) => ({ name, addresses: ["a", "b"] }));

/** srv1's roster with its only peer srv2, and the frames that srv2 writes. */
class Bench {
  readonly roster = new Roster({ nodes, self: "srv1", incarnation: OWN, timing });
  readonly sequences = new Map<string, number>();

  get peer(): Peer {
    const peer = this.roster.peers.get("srv2");
    if (peer === undefined) throw new Error("srv2 is a peer");
    return peer;
  }

  /** We send a frame on a link; answers its sequence. */
  send(now: number, link = 0): number {
    const path = this.peer.links[link];
    return path === undefined ? 0 : this.peer.take(path, instant(now));
  }

  frame(change: Partial<Frame> = {}, echoed?: { link: number; sequence: number }): Frame {
    const incarnation = change.incarnation ?? FIRST;
    const link = change.link ?? 0;
    const sequence = (this.sequences.get(incarnation) ?? 0) + 1;
    this.sequences.set(incarnation, sequence);
    const heard: Heard[] = echoed === undefined ? [] : [{ ...echoed, incarnation: OWN, ageMs: 1 }];
    return {
      version: 2,
      speaks: 2,
      kind: "beat",
      node: "srv2",
      incarnation,
      sequence,
      link,
      config: "c0ffee",
      mode: "online",
      restartMs: 0,
      heard,
      groups: [],
      reach: [2, 1],
      claims: [],
      claimAnswers: [],
      wishes: [],
      ...change,
    };
  }

  hear(now: number, frame: Frame): HeardOutcome {
    return this.roster.hear(frame, instant(now));
  }

  /** srv2 becomes known: it echoes a frame that was sent at the same time. */
  meet(now: number, incarnation = FIRST): HeardOutcome {
    return this.hear(now, this.frame({ incarnation }, { link: 0, sequence: this.send(now) }));
  }

  /** States that srv2 takes as time passes. */
  statesUntil(from: number, to: number): [number, string][] {
    const states: [number, string][] = [];
    for (let now = from; now <= to; now++) {
      for (const change of this.roster.advance(instant(now)).peers) states.push([now, change.to]);
    }
    return states;
  }
}

test("A new incarnation counts only when it echoes a recent frame of ours", () => {
  const bench = new Bench();
  const unknown = bench.frame();
  expect(bench.hear(0, unknown)).toMatchObject({ kind: "unconfirmed" });
  expect(bench.statesUntil(0, 10)).toEqual([]);
  expect(bench.peer.state).toBe("unheard");
  // Its frame is echoed all the same, so that the peer can confirm us.
  expect(bench.peer.heard(instant(4))).toEqual([{ link: 0, incarnation: FIRST, sequence: unknown.sequence, ageMs: 4 }]);
  expect(bench.meet(10)).toMatchObject({ kind: "heard", restarted: false, echoSentAt: 10 });
  expect(bench.statesUntil(10, 10)).toEqual([[10, "up"]]);
});

test("An echo older than two seconds confirms nobody", () => {
  const bench = new Bench();
  const sequence = bench.send(0);
  expect(bench.hear(2_001, bench.frame({}, { link: 0, sequence })).kind).toBe("unconfirmed");
  expect(bench.hear(2_000, bench.frame({}, { link: 0, sequence })).kind).toBe("heard");
});

test("An echo on another link confirms a node too, but dates nothing on this one", () => {
  const bench = new Bench();
  const sequence = bench.send(5, 1);
  expect(bench.hear(6, bench.frame({ link: 0 }, { link: 1, sequence }))).toMatchObject({
    kind: "heard",
    echoSentAt: undefined,
  });
});

test("A replayed capture of an earlier life neither keeps a dead node alive nor restarts a live one", () => {
  const bench = new Bench();
  const old = bench.frame({ incarnation: SECOND }, { link: 0, sequence: 7 });
  bench.meet(0);
  expect(bench.hear(50, old).kind).toBe("unconfirmed");
  expect(bench.peer.incarnation).toBe(FIRST);
  expect(bench.statesUntil(0, 400).at(-1)).toEqual([250, "dead"]);
  expect(bench.hear(401, old).kind).toBe("unconfirmed");
  expect(bench.statesUntil(401, 500)).toEqual([]);
});

test("Echoes of this node's own earlier life confirm nobody", () => {
  const bench = new Bench();
  bench.send(0);
  const frame = { ...bench.frame(), heard: [{ link: 0, incarnation: "00000000000000a0", sequence: 1, ageMs: 1 }] };
  expect(bench.hear(1, frame).kind).toBe("unconfirmed");
});

test("Duplicated and reordered frames on one link are stale", () => {
  const bench = new Bench();
  bench.meet(0);
  const [early, late] = [bench.frame(), bench.frame()];
  expect(bench.hear(10, late).kind).toBe("heard");
  expect(bench.hear(11, early).kind).toBe("stale");
  expect(bench.hear(12, late).kind).toBe("stale");
  expect(bench.peer.heardAt).toBe(10);
});

test("Links count for themselves: a frame on the second is no replay of the first", () => {
  const bench = new Bench();
  bench.meet(0);
  expect(bench.hear(5, bench.frame({ link: 1 })).kind).toBe("heard");
  expect(bench.roster.advance(instant(5)).links.map(({ link, up }) => [link.number, up])).toEqual([
    [0, true],
    [1, true],
  ]);
});

test("A restart begins the sequences anew, forgets reports, and is told once", () => {
  const bench = new Bench();
  bench.meet(0);
  for (let beat = 1; beat <= 5; beat++) bench.hear(beat * 10, bench.frame());
  bench.peer.reports.set("www", {} as never);
  expect(bench.meet(100, SECOND)).toMatchObject({ kind: "heard", restarted: true });
  expect(bench.peer.reports.size).toBe(0);
  expect(bench.hear(110, bench.frame({ incarnation: SECOND }))).toMatchObject({ kind: "heard", restarted: false });
});

test("Silence makes a peer late, suspect and dead at the stated times, and one frame makes it up again", () => {
  const bench = new Bench();
  bench.meet(1_000);
  expect(bench.statesUntil(1_000, 1_400)).toEqual([
    [1_000, "up"],
    [1_000 + timing.lateMs, "late"],
    [1_000 + timing.suspectMs, "suspect"],
    [1_000 + timing.waitMs, "dead"],
  ]);
  bench.hear(1_500, bench.frame());
  expect(bench.statesUntil(1_500, 1_500)).toEqual([[1_500, "up"]]);
});

test("A link is down on its own while the other keeps the peer up", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.hear(0, bench.frame({ link: 1 }));
  bench.roster.advance(instant(0));
  for (let now = 100; now <= 300; now += 100) {
    bench.hear(now, bench.frame({ link: 1 }));
    const { links, peers } = bench.roster.advance(instant(now));
    expect(peers).toEqual([]);
    expect(links.map(({ link, up, silentMs }) => [link.number, up, silentMs])).toEqual(
      now === 300 ? [[0, false, 300]] : [],
    );
  }
});

test("A peer that said goodbye has left at once, and stays so while it is silent", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.roster.advance(instant(0));
  bench.hear(10, bench.frame({ mode: "left" }));
  expect(bench.statesUntil(10, 2_000)).toEqual([[10, "left"]]);
});

test("An announced restart makes silence harmless until its end and the margin, and no longer", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.roster.advance(instant(0));
  bench.hear(10, bench.frame({ restartMs: 2_000 }));
  // Two seconds of the slowest clock, counted on the fastest.
  const dead = Math.ceil(10 + 2_000 * CLOCK_STRETCH + timing.marginMs);
  expect(bench.statesUntil(10, 3_000)).toEqual([[dead, "dead"]]);
});

test("The next frame of a restarted peer ends its restart", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.hear(10, bench.frame({ restartMs: 2_000 }));
  bench.roster.advance(instant(10));
  bench.meet(500, SECOND);
  expect(bench.statesUntil(500, 1_000).at(-1)).toEqual([750, "dead"]);
});

test("Our own pause delays a death and never causes one", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.roster.advance(instant(0));
  bench.roster.forgive(5_000, instant(5_000));
  expect(bench.statesUntil(5_000, 5_500)).toEqual([
    [5_115, "late"],
    [5_160, "suspect"],
    [5_250, "dead"],
  ]);
});

test("A pause brings nobody back to life", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.statesUntil(0, 300);
  bench.roster.forgive(5_000, instant(5_300));
  expect(bench.peer.state).toBe("dead");
  expect(bench.peer.heardAt).toBe(0);
});

test("Whoever is woken when the roster asks for it misses no change", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.hear(3, bench.frame({ link: 1 }));
  const changes: string[] = [];
  let now = instant(3);
  for (let guard = 0; guard < 20 && now < 1_000; guard++) {
    const { peers, links } = bench.roster.advance(now);
    for (const { to } of peers) changes.push(`${now} ${to}`);
    for (const { link, up } of links) changes.push(`${now} link ${link.number} ${up ? "up" : "down"}`);
    const next: Instant = bench.roster.wakeAt();
    expect(next).toBeGreaterThan(now);
    now = next;
  }
  expect(changes).toEqual([
    "3 up",
    "3 link 0 up",
    "3 link 1 up",
    "118 late",
    "163 suspect",
    "250 link 0 down",
    "253 dead",
    "253 link 1 down",
  ]);
});

test("A claim is withdrawn by a later frame on the same link, not by an older one that comes late on another", () => {
  const bench = new Bench();
  bench.meet(0);
  const claims = [{ group: "www", epoch: 17 }];
  const older = bench.frame({ link: 1 });
  expect(bench.hear(10, bench.frame({ claims }))).toMatchObject({ kind: "heard", withdrawn: [] });
  expect(bench.hear(11, older)).toMatchObject({ kind: "heard", withdrawn: [] });
  expect(bench.hear(12, bench.frame({ claims }))).toMatchObject({ withdrawn: [] });
  expect(bench.hear(13, bench.frame())).toMatchObject({ withdrawn: ["www"] });
  expect(bench.hear(14, bench.frame())).toMatchObject({ withdrawn: [] });
});

test("A restart withdraws what the former self claimed on any link", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.hear(10, bench.frame({ link: 1, claims: [{ group: "www", epoch: 17 }] }));
  expect(bench.meet(20, SECOND)).toMatchObject({ restarted: true, withdrawn: ["www"] });
});

test("What an echo says about our other links is remembered, for agreements", () => {
  const bench = new Bench();
  const [zero, one] = [bench.send(0, 0), bench.send(0, 1)];
  bench.hear(1, {
    ...bench.frame(),
    heard: [zero, one].map((sequence, link) => ({ link, incarnation: OWN, sequence, ageMs: 0 })),
  });
  expect(bench.peer.echoed).toEqual([zero, one]);
});

test("Frames that name a node or link that the file does not have are stale", () => {
  const bench = new Bench();
  expect(bench.hear(0, bench.frame({ node: "srv9" })).kind).toBe("stale");
  expect(bench.hear(0, bench.frame({ link: 5 })).kind).toBe("stale");
});

test("Only so many hardware addresses of a peer are kept, the latest", () => {
  const { peer } = new Bench();
  for (let i = 0; i < 40; i++) peer.addMac(`mac ${i}`);
  peer.addMac("mac 30");
  peer.addMac("mac 40");
  expect(peer.macs.size).toBe(16);
  expect(peer.macs.has("mac 30") && peer.macs.has("mac 40") && !peer.macs.has("mac 20")).toBe(true);
});

test("An older frame that comes late on another link is a sign of life and no news", () => {
  const bench = new Bench();
  bench.meet(0);
  const late = bench.frame({ link: 1, mode: "left", restartMs: 2_000 });
  bench.hear(5, bench.frame({ mode: "left" }));
  expect(bench.statesUntil(5, 5)).toEqual([[5, "left"]]);
  bench.hear(10, bench.frame({ mode: "online" }));
  expect(bench.statesUntil(10, 10)).toEqual([[10, "up"]]);
  expect(bench.hear(12, late)).toMatchObject({ kind: "heard", withdrawn: [] });
  expect(bench.statesUntil(12, 12)).toEqual([]);
  expect(bench.peer.links[1]?.heardAt).toBe(12);
  expect(bench.peer.restartUntil).toBeLessThan(0);
});

test("Frames of the previous version are taken as they come: it counts each link by itself", () => {
  const bench = new Bench();
  bench.meet(0);
  bench.hear(1, bench.frame({ version: 1, sequence: 500 }));
  bench.hear(2, bench.frame({ version: 1, link: 1, sequence: 7, mode: "standby" }));
  expect(bench.peer.mode).toBe("standby");
});

test("A frame is news when it says anything else than the one before, or ends a silence", () => {
  const bench = new Bench();
  const report: GroupReport = {
    name: "www",
    epoch: 16,
    granted: 0,
    holder: "srv2",
    role: "holding",
    leaseMs: 120,
    eligible: true,
    reason: "is well",
    soft: true,
    to: undefined,
    seen: undefined,
  };
  const said = { groups: [report] };
  bench.meet(0);
  bench.roster.advance(instant(0));
  const isNews = (now: number, change: Partial<Frame>): unknown => {
    const outcome = bench.hear(now, bench.frame({ ...said, ...change }));
    bench.roster.advance(instant(now));
    return outcome.kind === "heard" ? outcome.isNews : outcome.kind;
  };
  expect(isNews(1, {})).toBe(true);
  expect(isNews(2, {})).toBe(false);
  expect(isNews(3, { groups: [{ ...report, leaseMs: 20 }], kind: "probe" })).toBe(false);
  const changes: Partial<Frame>[] = [
    { groups: [{ ...report, epoch: 32 }] },
    { groups: [{ ...report, seen: "srv1" }] },
    { mode: "standby" },
    { config: "other" },
    { reach: [1, 1] },
    { claims: [{ group: "www", epoch: 48 }] },
    { claimAnswers: [{ group: "www", epoch: 48, granted: true, reason: "" }] },
    { restartMs: 1_000 },
  ];
  for (const [index, change] of changes.entries()) {
    const now = 10 + 10 * index;
    expect([change, isNews(now, change)]).toEqual([change, true]);
    expect([change, isNews(now + 1, {})], "and so is the way back").toEqual([change, true]);
    expect([change, isNews(now + 2, {})]).toEqual([change, false]);
  }
  expect(isNews(100, { link: 1 }), "a link that comes up").toBe(true);
  expect(isNews(101, { link: 1 })).toBe(false);
  bench.statesUntil(102, 250);
  expect(isNews(251, {}), "a peer that was late").toBe(true);
});

test("The wake-up that is kept from frame to frame is the one that a look at all peers finds", () => {
  const frames = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 130 }), link: fc.constantFrom(0, 1) }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(frames, (steps) => {
      const bench = new Bench();
      bench.meet(0);
      bench.roster.advance(instant(0));
      let now = 0;
      for (const { afterMs, link } of steps) {
        now += afterMs;
        if (now >= bench.roster.wakeAt()) bench.roster.advance(instant(now));
        bench.hear(now, bench.frame({ link }));
        const kept = bench.roster.wakeAt();
        const isQuiet = bench.peer.state === "up" && bench.peer.links[link]?.up === true;
        bench.roster.advance(instant(now));
        if (isQuiet) expect(bench.roster.wakeAt()).toBe(kept);
      }
    }),
  );
});
