/**
 * A recorded node, run again, decides the same. In a share of the seeds one node of the cluster records through the
 * daemon's own tape, in segments that begin with a checkpoint at a random instant, cut into batches at random too;
 * when its life is over, or the run is, the last segment is run again and every effect compared.
 */

import { Random } from "../../core/base/random.ts";
import type { Instant } from "../../core/base/time.ts";
import { checkpointsOf, type Checkpoint } from "../../core/node/checkpoint.ts";
import type { Effect } from "../../core/node/effects.ts";
import { Node, type NodeOptions } from "../../core/node/node.ts";
import { Tape } from "../../core/recording/tape.ts";
import type { Core, MakeCore } from "../process.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";
import { rerunApart } from "./rerun-apart.ts";

/** One seed in so many records: the first, and so on. */
const EVERY = 16;
/** A segment ends after so many steps, and another one begins so many steps after the last one began, at most. */
const MOST_STEPS = 1_500;
const MOST_UNTIL_NEXT = 6_000;
/** The tape is cut after so many steps at most. */
const MOST_UNTIL_CUT = 300;

/** One life of the recorded node, its last segment. */
interface Life {
  readonly options: NodeOptions;
  readonly tape: Tape;
  checkpoint: Checkpoint | undefined;
  batches: string[];
  now: Instant;
  /** Steps until these things happen; 0 for an end that was reached. */
  untilNext: number;
  untilCut: number;
  untilEnd: number;
}

export class Replayed extends Checker {
  readonly name = "replay";
  /** Decisions that were compared. */
  decisions = 0;
  readonly #random: Random;
  readonly #isRecording: boolean;
  readonly #lives: Life[] = [];
  #recorded: string | undefined;

  constructor(seed: number) {
    super();
    this.#random = new Random(`${seed}/replay`);
    this.#isRecording = seed % EVERY === 1;
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
    const life: Life = {
      options,
      tape: new Tape(),
      checkpoint: undefined,
      batches: [],
      now: 0 as Instant,
      untilNext: this.#random.integer(2, MOST_UNTIL_NEXT),
      untilCut: 1,
      untilEnd: MOST_STEPS,
    };
    this.#lives.push(life);
    return {
      step: (input) => {
        this.#beforeStep(life, takeCheckpoint);
        if (life.untilEnd === 0) return node.step(input);
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
          life.tape.step(input, effects, thrown);
        }
      },
      view: (now) => node.view(now),
    };
  }

  #beforeStep(life: Life, takeCheckpoint: () => Checkpoint): void {
    if (--life.untilNext === 0) {
      life.tape.begin();
      life.checkpoint = takeCheckpoint();
      life.batches = [];
      life.untilNext = this.#random.integer(MOST_STEPS, MOST_UNTIL_NEXT);
      life.untilEnd = MOST_STEPS;
    } else if (life.untilEnd > 0 && --life.untilEnd > 0 && --life.untilCut === 0) {
      cut(life);
      life.untilCut = this.#random.integer(1, MOST_UNTIL_CUT);
    }
  }

  #compare(world: World, life: Life): void {
    cut(life);
    const { options, checkpoint, batches } = life;
    const { steps, decisions, difference } = rerunApart({ options, checkpoint, batches });
    this.runs += steps;
    this.decisions += decisions;
    if (difference === undefined) return;
    world.violate("replay", `${options.node}, run again, does something else: ${difference}`);
  }
}

function cut(life: Life): void {
  const text = life.tape.cut(life.now, 0);
  if (text !== undefined) life.batches.push(text);
}
