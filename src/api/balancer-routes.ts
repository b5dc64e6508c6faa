/**
 * The routes about the balancer and the cluster file in use. The list of what another node may ask is closed: it looks
 * at this node's engine and exchanges operators' wishes; everything else is only for the Unix socket.
 */

import type { IncomingMessage } from "node:http";

import { readJson, refuse } from "./answers.ts";
import type { Answer } from "./answers.ts";
import type { Backend, BalancerPort, Caller } from "./backend.ts";
import { readDrain, readWeight } from "./schemas.ts";
import type { Problem, RequestAnswer } from "./types.ts";

/** Wishes in one request. */
const MAX_TOLD = 500;

type Route = { readonly peer?: true } & (
  | { readonly balancer: (balancer: BalancerPort, body: unknown, caller: Caller) => Promise<Answer> }
  | { readonly backend: (backend: Backend) => Promise<Answer> }
);

const ROUTES: Readonly<Record<string, Route>> = {
  "GET /v1/pools": { balancer: async (balancer) => fine(await balancer.pools()) },
  "GET /v1/balancer": { peer: true, balancer: async (balancer) => fine(await balancer.view()) },
  "GET /v1/balancer/summary": { peer: true, balancer: async (balancer) => fine(await balancer.summary()) },
  "GET /v1/balancer/wishes": { peer: true, balancer: async (balancer) => fine(await balancer.wishes()) },
  "POST /v1/balancer/wishes": { peer: true, balancer: tell },
  "POST /v1/balancer/drain": { balancer: drain },
  "POST /v1/balancer/weight": { balancer: weigh },
  "POST /v1/reload": { backend: reload },
  "GET /v1/running": { backend: async (backend) => fine(backend.running()) },
};

/** The answer to a request of this list; undefined when it is none. */
export async function answerBalancer(
  backend: Backend,
  caller: Caller,
  url: URL,
  request: IncomingMessage,
): Promise<Answer | undefined> {
  const key = `${request.method ?? ""} ${url.pathname}`;
  const route = Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined;
  if (route === undefined) return undefined;
  if (caller.kind === "peer" && route.peer !== true) {
    return refuse(403, "NOT_ALLOWED", "another node may not ask for this");
  }
  const json = request.method === "POST" ? await readJson(request) : { value: undefined };
  if ("refused" in json) return json.refused;
  if ("backend" in route) return await route.backend(backend);
  if (backend.balancer === undefined) {
    return refuse(404, "BALANCER_NONE", `the cluster file that ${backend.node} runs has no balancer`);
  }
  return await route.balancer(backend.balancer, json.value, caller);
}

async function tell(balancer: BalancerPort, body: unknown, caller: Caller): Promise<Answer> {
  if (caller.kind !== "peer") return refuse(403, "NOT_ALLOWED", "only another node tells wishes: use drain and weight");
  if (!Array.isArray(body) || body.length > MAX_TOLD) {
    return refuse(400, "REQUEST_MALFORMED", `expected a list of at most ${MAX_TOLD} wishes`);
  }
  return fine(await balancer.tell(body, caller.node));
}

async function drain(balancer: BalancerPort, body: unknown): Promise<Answer> {
  const read = readDrain(body);
  return "problems" in read ? malformed(read.problems) : requested(await balancer.drain(read.request));
}

async function weigh(balancer: BalancerPort, body: unknown): Promise<Answer> {
  const read = readWeight(body);
  return "problems" in read ? malformed(read.problems) : requested(await balancer.weight(read.request));
}

async function reload(backend: Backend): Promise<Answer> {
  const answer = await backend.reload();
  return { status: answer.ok ? 200 : 409, body: answer };
}

function fine(body: unknown): Answer {
  return { status: 200, body };
}

function requested(answer: RequestAnswer): Answer {
  return { status: answer.ok ? 200 : 409, body: answer };
}

function malformed(problems: readonly Problem[]): Answer {
  return { status: 400, body: { ok: false, problems } };
}
