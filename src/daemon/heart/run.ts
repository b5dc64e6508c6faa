/**
 * Puts the heart together: core, loop, sockets and hands, and the messages of the main thread. Everything it
 * needs is handed in, so that it also runs in a test with a pretended machine.
 */

import { randomBytes } from "node:crypto";
import { FrameCodec } from "../../core/membership/frame-codec.ts";
import type { Input } from "../../core/node/inputs.ts";
import type { StepResult } from "../../core/node/node.ts";
import type { NodeView } from "../../core/node/view.ts";
import type { Instant } from "../../core/base/time.ts";
import { timingFrom } from "../../core/base/timing.ts";
import type { Chores } from "./chores.ts";
import { Datagrams } from "./datagrams.ts";
import { Loop, type Timers } from "./loop.ts";
import { FEED_LIMIT_MS, type FromHeart, type HeartOptions, type ToHeart } from "./messages.ts";
import { type HeartMachine, Performer } from "./perform.ts";
import { type Checkpoints, HeartRecording } from "../../recording/heart-recording.ts";
import { createSeal } from "./seal.ts";

/** What the heart runs on. */
export interface HeartSurroundings {
  readonly machine: HeartMachine & { readonly clock: { now(): Instant } };
  readonly node: { step(input: Input): StepResult; view(now: Instant): NodeView };
  readonly timers: Timers;
  readonly chores: Chores;
  /** The core's whole state; without it inputs are not recorded. */
  readonly checkpoints?: Checkpoints;
  post(message: FromHeart): void;
  /** After the heart broke: the gates are closed, the process must end. */
  broken(): void;
  /** After the end that the main thread asked for: everything is undone. */
  ended(): void;
}

/** A running heart. */
export interface RunningHeart {
  /** A message from the main thread. */
  tell(message: ToHeart): void;
  /** Something was thrown outside a turn: closes everything as after one inside. */
  broke(error: unknown): void;
}

/** Opens everything and starts the core; throws when the gate's rules cannot be made. */
export async function runHeart(options: HeartOptions, surroundings: HeartSurroundings): Promise<RunningHeart> {
  const { config, node } = options;
  const { machine, timers, post } = surroundings;
  const now = (): Instant => machine.clock.now();
  const incarnation = randomBytes(8).toString("hex");
  const own = config.nodes.find((n) => n.name === node);
  if (own === undefined) throw new Error(`${node} is no node of the cluster ${config.cluster}`);
  const codec = new FrameCodec({
    cluster: config.cluster,
    node,
    incarnation,
    nodes: config.nodes.map((n) => ({ name: n.name, links: n.addresses.length })),
    seal: createSeal(options.keys),
    speaks: options.frameVersion,
  });
  const datagrams = new Datagrams({
    addresses: own.addresses,
    port: config.heartbeat.port,
    received(link, bytes, source) {
      const decoded = codec.decode(bytes, link);
      if (decoded.ok) loop.feed({ kind: "frame", frame: decoded.frame });
      else loop.feed({ kind: "frame-rejected", why: decoded.why, source: source() });
    },
    log: (level, message, fields) => post({ kind: "log", level, message, fields }),
  });
  const performer = new Performer({
    config,
    node,
    machine,
    chores: surroundings.chores,
    codec,
    datagrams,
    now,
    soon: timers.soon,
    feed: (happening) => loop.feed(happening),
    post,
  });
  const recording = recordingOf(surroundings, incarnation);
  const broke = (error: unknown): void => {
    breakDown(error, { performer, recording, now, post, broken: surroundings.broken });
  };
  const timing = timingFrom({ intervalMs: config.heartbeat.intervalMs, ...config.lease });
  const loop: Loop = new Loop({
    node: surroundings.node,
    clock: machine.clock,
    timers,
    perform: (effects, at) => performer.perform(effects, at),
    turned: (at) => performer.turned(at),
    recorded: (input, effects, thrown) => recording?.stepped(input, effects, thrown),
    broken: broke,
    intervalMs: config.heartbeat.intervalMs,
    pauseMs: timing.echoMs,
    feedLimitMs: FEED_LIMIT_MS,
  });

  await performer.prepare(options.handover !== undefined);
  datagrams.open();
  loop.start({
    kind: "start",
    incarnation,
    epochs: options.epochs,
    wishes: options.wishes,
    gateways: performer.gateways(),
    handover: options.handover,
  });
  performer.watch();
  post({ kind: "ready" });
  const parts = { loop, performer, recording, datagrams, now, post, ended: surroundings.ended };
  return {
    broke,
    tell: (message) => tell(message, { ...parts, view: () => surroundings.node.view(now()) }),
  };
}

function recordingOf(surroundings: HeartSurroundings, incarnation: string): HeartRecording | undefined {
  const { checkpoints, post } = surroundings;
  if (checkpoints === undefined) return undefined;
  return new HeartRecording({
    incarnation,
    checkpoints,
    post: (part) => post({ kind: "tape", part }),
    wall: () => Date.now(),
  });
}

interface Parts {
  readonly loop: Loop;
  readonly performer: Performer;
  readonly recording: HeartRecording | undefined;
  readonly datagrams: Datagrams;
  now(): Instant;
  post(message: FromHeart): void;
  view(): NodeView;
  ended(): void;
}

function tell(message: ToHeart, parts: Parts): void {
  const { loop, performer, recording, datagrams, now, post, view, ended } = parts;
  switch (message.kind) {
    case "feed":
      recording?.fed();
      return loop.fed();
    case "view":
      return show(message.id, view, post);
    case "request":
    case "monitor":
    case "resource-result":
      return loop.feed(message);
    case "begin-segment":
      return recording?.askedToBegin();
    case "end":
      loop.end();
      recording?.cut(now());
      datagrams.close();
      return performer.end(() => {
        post({ kind: "ended" });
        ended();
      });
  }
}

/** Looking must not end the service: a view that cannot be made is a line in the log and no answer. */
function show(id: number, view: () => NodeView, post: (message: FromHeart) => void): void {
  try {
    post({ kind: "view", id, view: view() });
  } catch (error) {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    post({
      kind: "log",
      level: "error",
      message: "the core's state cannot be shown: this is a defect",
      fields: { cause },
    });
  }
}

/** The gates first; then the record of what happened; then the end of the process. */
function breakDown(
  error: unknown,
  parts: Pick<Parts, "performer" | "recording" | "now" | "post"> & { broken(): void },
): void {
  const { performer, recording, now, post, broken } = parts;
  try {
    performer.closeAll();
  } catch {
    // Their deadlines close them.
  }
  try {
    recording?.cut(now());
  } catch {
    // What happened last is then missing; the message says what broke.
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  post({
    kind: "fatal",
    message,
    next: "this is a defect: report it with the lines before this one; the service manager restarts the daemon",
  });
  broken();
}
