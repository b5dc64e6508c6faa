/**
 * A recorded node, run again, decides the same. In a share of the seeds one node of the cluster records through the
 * daemon's own tape, in segments that begin with a checkpoint at a random instant, cut into batches at random too;
 * when its life is over, or the run is, the last segment is run again and every effect compared.
 */

import { Random } from "../../core/base/random.ts";
import type { Instant } from "../../core/base/time.ts";
import { checkpointsOf, stateShape, type Checkpoint } from "../../core/node/checkpoint.ts";
import type { Effect } from "../../core/node/effects.ts";
import { Node, type NodeOptions } from "../../core/node/node.ts";
import { Rerun } from "../../core/recording/rerun.ts";
import { Tape, type Batch } from "../../core/recording/tape.ts";
import type { Core, MakeCore } from "../process.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** One seed in so many records. */
const SHARE = 0.1;
/** A step in so many begins a segment anew, or cuts the tape. */
const BEGIN_SHARE = 1 / 4_000;
const CUT_SHARE = 1 / 200;

/** One life of the recorded node, its last segment. */
interface Life {
  readonly options: NodeOptions;
  readonly tape: Tape;
  checkpoint: Checkpoint | undefined;
  batches: string[];
  now: Instant;
}

export class Replayed extends Checker {
  readonly name = "replay";
  /** Decisions that were compared. */
  decisions = 0;
  readonly #random: Random;
  readonly #isRecording: boolean;
  readonly #lives: Life[] = [];
  #recorded: string | undefined;

  constructor(seed: number | string) {
    super();
    this.#random = new Random(`${seed}/replay`);
    this.#isRecording = this.#random.chance(SHARE);
  }

  /** Makes cores of which one node's are recorded; a core that is not the real one says nothing about it. */
  recording(makeCore: MakeCore): MakeCore {
    if (!this.#isRecording) return makeCore;
    return (options) => {
      const core = makeCore(options);
      if (!(core instanceof Node) || core.constructor !== Node) return core;
      this.#recorded ??= this.#random.pick(options.config.nodes).name;
      return options.node === this.#recorded ? this.#record(core, options) : core;
    };
  }

  /** In a run of hours, lives that are over are compared while they are few. */
  override settled(world: World): void {
    for (const life of this.#lives.splice(0, this.#lives.length - 1)) this.#compare(world, life);
  }

  override ended(world: World): void {
    for (const life of this.#lives) this.#compare(world, life);
  }

  #record(node: Node, options: NodeOptions): Core {
    const takeCheckpoint = checkpointsOf(node, options.config);
    const tape = new Tape();
    const life: Life = { options, tape, checkpoint: undefined, batches: [], now: 0 as Instant };
    this.#lives.push(life);
    let isStarted = false;
    return {
      step: (input) => {
        if (isStarted && this.#random.chance(BEGIN_SHARE)) {
          tape.begin();
          life.checkpoint = takeCheckpoint();
          life.batches = [];
        } else if (this.#random.chance(CUT_SHARE)) cut(life);
        isStarted = true;
        life.now = input.now;
        let effects: readonly Effect[] = [];
        let thrown: string | undefined;
        try {
          const result = node.step(input);
          effects = result.effects;
          return result;
        } catch (error) {
          thrown = error instanceof Error ? error.message : String(error);
          throw error;
        } finally {
          tape.step(input, effects, thrown);
        }
      },
      view: (now) => node.view(now),
    };
  }

  #compare(world: World, life: Life): void {
    cut(life);
    const { options, checkpoint } = life;
    const start = { ...options, software: "", shape: stateShape(), incarnation: "" };
    const rerun = new Rerun(start, checkpoint, { toleratesMessages: false });
    for (const text of life.batches) rerun.run(JSON.parse(text) as Batch);
    this.runs += rerun.steps;
    this.decisions += rerun.decisions;
    if (rerun.divergence === undefined) return;
    world.violate("replay", `${options.node}, run again, does something else: ${JSON.stringify(rerun.divergence)}`);
  }
}

function cut(life: Life): void {
  const text = life.tape.cut(life.now, 0);
  if (text !== undefined) life.batches.push(text);
}
