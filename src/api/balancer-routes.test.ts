import { createServer, request } from "node:http";
import { join } from "node:path";

import { expect, test } from "vitest";

import { withDirectory } from "../daemon/fixtures/pretended.ts";
import { cluster, nodeView } from "../daemon/fixtures/pretended-cluster.ts";
import type { Backend, BalancerPort, Caller } from "./backend.ts";
import type { BalancerView } from "./balancer.ts";
import { createHandler } from "./server.ts";

const VIEW: BalancerView = {
  node: "srv1",
  engine: "haproxy",
  version: "2.6.12",
  state: "running",
  configHash: "c0ffee",
  pid: 7,
  oldWorkers: 0,
  connections: 0,
  requestsPerSecond: 0,
  requests: 0,
  serverErrors: 0,
  reloads: 0,
  pools: [],
  problems: [],
};

/** A backend that answers everything, and what reached its balancer. */
function pretended(hasBalancer = true): { backend: Backend; reached: string[] } {
  const reached: string[] = [];
  const did = (what: string, value?: unknown): void => {
    reached.push(value === undefined ? what : `${what} ${JSON.stringify(value)}`);
  };
  const balancer: BalancerPort = {
    view: async () => (did("view"), VIEW),
    summary: async () => (did("summary"), { ...VIEW, pools: [], poolCount: 0 }),
    pools: async () => (did("pools"), { answeredBy: "srv1", nodes: [], problems: [] }),
    wishes: async () => (did("wishes"), []),
    tell: async (wishes, from) => (did(`tell by ${from}`, wishes), []),
    drain: async (wish) => (did("drain", wish), { ok: true, node: "srv1", detail: "drains" }),
    weight: async (wish) => (
      did("weight", wish), { ok: false, problems: [{ code: "X", severity: "error", message: "no" }] }
    ),
  };
  const backend: Backend = {
    node: "srv1",
    pid: 1,
    version: "1",
    status: async () => ({ cluster: "demo", answeredBy: "srv1", time: 1, nodes: [], problems: [] }),
    view: async () => nodeView("srv1"),
    why: async () => undefined,
    events: () => [],
    ownEvents: () => [],
    followEvents: () => () => {},
    submit: async () => ({ ok: true, node: "srv1", detail: "done" }),
    reload: async () => (did("reload"), { ok: true, node: "srv1", how: [], restarts: false, problems: [] }),
    running: () => ({ node: "srv1", file: "/f", hash: "", config: cluster(), wanted: undefined, directory: "/b" }),
    balancer: hasBalancer ? balancer : undefined,
  };
  return { backend, reached };
}

type Ask = (method: string, path: string, body?: unknown) => Promise<{ status: number; code: string | undefined }>;

async function serving(backend: Backend, caller: Caller, use: (ask: Ask) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const server = createServer(createHandler(backend, () => caller));
    const socketPath = join(directory, "s");
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const ask: Ask = (method, path, body) =>
      new Promise((resolve, reject) => {
        const sent = request({ socketPath, method, path, agent: false }, (response) => {
          let text = "";
          response.on("data", (chunk) => (text += String(chunk)));
          response.on("end", () => {
            const { problems } = JSON.parse(text) as { problems?: readonly { code: string }[] };
            resolve({ status: response.statusCode ?? 0, code: problems?.[0]?.code });
          });
        });
        sent.on("error", reject);
        sent.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
      });
    try {
      await use(ask);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
}

const OPERATOR: Caller = { kind: "operator" };
const PEER: Caller = { kind: "peer", node: "srv2" };
const DRAIN = { member: "apache/srv1", on: true, force: false };

const ROUTES: readonly (readonly [method: string, path: string, body: unknown, peer: boolean])[] = [
  ["GET", "/v1/pools", undefined, false],
  ["GET", "/v1/balancer", undefined, true],
  ["GET", "/v1/balancer/summary", undefined, true],
  ["GET", "/v1/balancer/wishes", undefined, true],
  ["POST", "/v1/balancer/wishes", [], true],
  ["POST", "/v1/balancer/drain", DRAIN, false],
  ["POST", "/v1/reload", {}, false],
  ["GET", "/v1/running", undefined, false],
];

test("an operator may ask for everything, another node for a closed list", async () => {
  const { backend, reached } = pretended();
  await serving(backend, OPERATOR, async (ask) => {
    for (const [method, path, body] of ROUTES.filter(([verb, name]) => verb === "GET" || !name.endsWith("wishes")))
      expect([path, (await ask(method, path, body)).status]).toEqual([path, 200]);
  });
  const before = reached.length;
  await serving(backend, PEER, async (ask) => {
    for (const [method, path, body, isAllowed] of ROUTES) {
      const { status } = await ask(method, path, body);
      expect([method, path, status]).toEqual([method, path, isAllowed ? 200 : 403]);
    }
  });
  expect(reached.slice(before)).toEqual(["view", "summary", "wishes", "tell by srv2 []"]);
});

test("without a balancer its routes say so, and the cluster file is reloaded all the same", async () => {
  const { backend } = pretended(false);
  await serving(backend, OPERATOR, async (ask) => {
    for (const [method, path, body] of ROUTES.filter(([, name]) => name !== "/v1/reload" && name !== "/v1/running")) {
      expect(await ask(method, path, body)).toEqual({ status: 404, code: "BALANCER_NONE" });
    }
    expect(await ask("POST", "/v1/reload", {})).toMatchObject({ status: 200 });
  });
});

test("what is wrong with a request is told, and nothing reaches the balancer", async () => {
  const { backend, reached } = pretended();
  await serving(backend, OPERATOR, async (ask) => {
    const wrong: [string, unknown][] = [
      ["/v1/balancer/drain", "{"],
      ["/v1/balancer/drain", []],
      ["/v1/balancer/drain", { member: "x", on: true }],
      ["/v1/balancer/drain", { ...DRAIN, on: "yes" }],
      ["/v1/balancer/drain", { ...DRAIN, member: "" }],
      ["/v1/balancer/drain", { ...DRAIN, member: "x".repeat(200) }],
      ["/v1/balancer/drain", { ...DRAIN, forse: true }],
      ["/v1/balancer/weight", { member: "x", weight: 257 }],
      ["/v1/balancer/weight", { member: "x", weight: -1 }],
      ["/v1/balancer/weight", { member: "x", weight: 1.5 }],
      ["/v1/balancer/weight", { member: "x", weight: "7" }],
    ];
    for (const [path, body] of wrong) {
      expect([path, body, await ask("POST", path, body)]).toEqual([
        path,
        body,
        { status: 400, code: "REQUEST_MALFORMED" },
      ]);
    }
    expect(await ask("POST", "/v1/balancer/wishes", [])).toEqual({ status: 403, code: "NOT_ALLOWED" });
    expect(await ask("GET", "/v1/balancer/drain")).toMatchObject({ status: 404 });
    expect(await ask("POST", "/v1/pools", {})).toMatchObject({ status: 404 });
  });
  await serving(backend, PEER, async (ask) => {
    for (const body of [{}, Array.from({ length: 501 }, () => ({}))])
      expect(await ask("POST", "/v1/balancer/wishes", body)).toEqual({ status: 400, code: "REQUEST_MALFORMED" });
  });
  expect(reached).toEqual([]);
});

test("a weight left out means the cluster file's, and a refusal is a conflict", async () => {
  const { backend, reached } = pretended();
  await serving(backend, OPERATOR, async (ask) => {
    expect(await ask("POST", "/v1/balancer/weight", { member: "apache/srv1" })).toEqual({ status: 409, code: "X" });
    await ask("POST", "/v1/balancer/weight", { member: "apache/srv1", weight: 0 });
  });
  expect(reached).toEqual(['weight {"member":"apache/srv1"}', 'weight {"member":"apache/srv1","weight":0}']);
});
