/**
 * An operator's request on its way: the local core decides whether it is done here, refused, or another
 * node's business. Then that node is asked over the control channel and its answer is passed on, so that
 * every verb works on every node.
 */

import type { Caller } from "../api/backend.ts";
import { readAnswer } from "../api/schemas.ts";
import type { RequestAnswer, Verb } from "../api/types.ts";
import type { Handover } from "../core/node/inputs.ts";
import type { PeerAnswer, Question } from "./control-client.ts";
import type { HeartPort, Outcome } from "./heart-port.ts";

/** How long the core and another node may take. */
const CORE_LIMIT_MS = 45_000;
const FORWARD_LIMIT_MS = 50_000;
/** A group that moves while it is asked for is looked for again so often. */
const ATTEMPTS = 4;
const PAUSE_MS = 250;

/** Said to a node that asked the wrong one; it looks again. */
const ASK_AGAIN = "REQUEST_ELSEWHERE";

export interface RequestOptions {
  readonly node: string;
  readonly heart: HeartPort;
  readonly ask: (node: string, question: Question) => Promise<PeerAnswer>;
  /** The core allows this daemon to hand over to its next self; called once the answer is on its way. */
  readonly handOver: (handover: Handover) => void;
}

/** Performs a request; never rejects. */
export async function performRequest(options: RequestOptions, verb: Verb, caller: Caller): Promise<RequestAnswer> {
  if (verb.verb === "leave") {
    return refuse(
      "LEAVE_BY_SIGNAL",
      "leaving is part of the daemon's end",
      "stop the daemon with `systemctl stop understudy`",
    );
  }
  let answer = refuse("REQUEST_UNDECIDED", "the group moved again and again while it was asked for", "try again");
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const outcome = await askCore(options.heart, verb);
    if (outcome.kind !== "forward") return conclude(options, outcome);
    if (caller.kind === "peer") return refuse(ASK_AGAIN, `${outcome.to} must be asked`, "try again");
    answer = await forward(options, outcome.to, verb);
    if (answer.ok || !answer.problems.some((problem) => problem.code === ASK_AGAIN)) return answer;
  }
  return answer;
}

async function askCore(heart: HeartPort, verb: Verb): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<Outcome>((resolve) => {
    timer = setTimeout(
      () =>
        resolve(
          refusal("REQUEST_TIMEOUT", "the request was not decided in time", "`understudy status` shows what happens"),
        ),
      CORE_LIMIT_MS,
    );
  });
  try {
    return await Promise.race([heart.request(verb), limit]);
  } catch (error) {
    return refusal(
      "HEART_ENDED",
      `the heart does not answer: ${(error as Error).message}`,
      "look at the daemon's journal",
    );
  } finally {
    clearTimeout(timer);
  }
}

function refusal(code: string, message: string, next: string): Outcome {
  return { kind: "refused", problem: { code, severity: "error", message, next } };
}

function conclude(options: RequestOptions, outcome: Exclude<Outcome, { kind: "forward" }>): RequestAnswer {
  if (outcome.kind === "refused") return { ok: false, problems: [outcome.problem] };
  if (outcome.kind === "done") return { ok: true, node: options.node, detail: outcome.detail };
  options.handOver(outcome.handover);
  return { ok: true, node: options.node, detail: "the daemon restarts and keeps what it holds" };
}

async function forward(options: RequestOptions, to: string, verb: Verb): Promise<RequestAnswer> {
  try {
    const answer = await options.ask(to, {
      method: "POST",
      path: "/v1/requests",
      body: verb,
      limitMs: FORWARD_LIMIT_MS,
    });
    const unreadable = refuse(
      "ANSWER_UNREADABLE",
      `${to}'s answer cannot be read`,
      "run the same version on all nodes",
    );
    return readAnswer(answer.body) ?? unreadable;
  } catch (error) {
    return refuse(
      "NODE_UNREACHABLE",
      `${to} must be asked and does not answer: ${(error as Error).message}`,
      `\`understudy status\` shows how ${to} is; try again or ask there`,
    );
  }
}

function refuse(code: string, message: string, next: string): RequestAnswer {
  return { ok: false, problems: [{ code, severity: "error", message, next }] };
}
