import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect as tlsConnect } from "node:tls";

import { expect, test } from "vitest";

import type { EventRecord, Verb } from "../api/types.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { createBackend } from "./cluster-view.ts";
import { readIdentity, TLS_SETTINGS, writeIdentity } from "./cluster-secret.ts";
import { ControlClient } from "./control-client.ts";
import { startControlServer } from "./control-server.ts";
import { cluster, nodeView } from "./fixtures/pretended-cluster.ts";
import { PretendedHeart, withDirectory } from "./fixtures/pretended.ts";
import { SILENT_LOG } from "./log.ts";
import { openRecorder } from "./recorder.ts";
import type { Recorder } from "./recorder.ts";
import { startReplication } from "./replication.ts";

const OLD = randomBytes(32);
const NEW = randomBytes(32);

interface Member {
  readonly heart: PretendedHeart;
  readonly client: ControlClient;
  readonly recorder: Recorder;
  readonly backend: ReturnType<typeof createBackend>;
  readonly refused: () => number;
  close(): void;
}

/** A TCP port that is free on loopback. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function member(
  config: ClusterConfig,
  node: string,
  keys: readonly Uint8Array[],
  stateDir: string,
): Promise<Member> {
  const heart = new PretendedHeart(node);
  const client = new ControlClient({ config, node, keys });
  const recorder = await openRecorder({ node, incarnation: "abc", stateDir: `${stateDir}/${node}`, failed: () => {} });
  const ask = client.ask.bind(client);
  const backend = createBackend({
    config,
    node,
    version: "1",
    heart,
    recorder,
    ask,
    handOver: () => {},
    balancer: undefined,
    reload: async () => ({ ok: true, node, how: [], restarts: false, problems: [] }),
    running: () => ({ node, file: "/f", hash: "", config, wanted: undefined, directory: "/run/b" }),
  });
  const server = startControlServer({ config, node, keys, backend, log: SILENT_LOG });
  const close = (): void => {
    server.close();
    client.close();
  };
  return { heart, client, recorder, backend, refused: server.refused, close };
}

interface Keys {
  readonly srv1?: readonly Uint8Array[];
  readonly srv2?: readonly Uint8Array[];
}

async function withTwo(
  use: (one: Member, two: Member, config: ClusterConfig) => Promise<void>,
  keys: Keys = {},
): Promise<void> {
  await withDirectory(async (directory) => {
    const config = cluster({ heartbeat: { intervalMs: 100, initialWaitMs: 1, port: await freePort() } });
    const one = await member(config, "srv1", keys.srv1 ?? [OLD], directory);
    const two = await member(config, "srv2", keys.srv2 ?? [OLD], directory);
    try {
      await use(one, two, config);
    } finally {
      one.close();
      two.close();
    }
  });
}

const VIEW = { method: "GET", path: "/v1/view", limitMs: 2_000 } as const;

test("a node with the cluster key is answered, again and again on one connection", async () => {
  await withTwo(async (one) => {
    for (let round = 0; round < 3; round += 1) {
      const answer = await one.client.ask("srv2", VIEW);
      expect(answer).toMatchObject({ status: 200, body: { node: "srv2" }, pid: process.pid, version: "1" });
    }
  });
});

test("a node with another key is refused and counted", async () => {
  await withTwo(
    async (one, two) => {
      await expect(one.client.ask("srv2", VIEW)).rejects.toThrow();
      expect(two.refused()).toBeGreaterThan(0);
    },
    { srv1: [NEW] },
  );
});

test("during a rotation of the key every pair of neighbouring steps understands each other", async () => {
  const steps = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]];
  for (let step = 0; step + 1 < steps.length; step += 1) {
    const keys = { srv1: steps[step] ?? [], srv2: steps[step + 1] ?? [] };
    await withTwo(async (one, two) => {
      expect((await one.client.ask("srv2", VIEW)).status).toBe(200);
      expect((await two.client.ask("srv1", VIEW)).status).toBe(200);
    }, keys);
  }
});

test("a foreign cluster, an unknown node and a node that claims to be us are refused although they have the key", async () => {
  await withTwo(async (_one, two, config) => {
    const foreign = new ControlClient({ config: { ...config, cluster: "other" }, node: "srv1", keys: [OLD] });
    await expect(foreign.ask("srv2", VIEW)).rejects.toThrow();
    const stranger = new ControlClient({ config, node: "srv9", keys: [OLD] });
    await expect(stranger.ask("srv2", VIEW)).rejects.toThrow();
    const mirror = new ControlClient({ config, node: "srv2", keys: [OLD] });
    await expect(mirror.ask("srv2", VIEW)).rejects.toThrow();
    expect(two.refused()).toBeGreaterThanOrEqual(3);
  });
});

test("nobody gets through without a key, be it by plain text or by an ordinary TLS client", async () => {
  await withTwo(async (one, _two, config) => {
    const { port } = config.heartbeat;
    await expect(fetch(`http://127.0.0.12:${port}/v1/view`)).rejects.toThrow();
    const failure = await new Promise<string>((resolve) => {
      const socket = tlsConnect({ host: "127.0.0.12", port, rejectUnauthorized: false, ...TLS_SETTINGS });
      socket.on("secureConnect", () => resolve("connected"));
      socket.on("error", (error) => resolve(error.message));
    });
    expect(failure).not.toBe("connected");
    expect((await one.client.ask("srv2", VIEW)).status).toBe(200);
  });
});

test("when the first link is cut the second one answers", async () => {
  await withTwo(async (_one, _two, config) => {
    // 127.0.2.12 is an address on which nobody listens: a link that refuses.
    const cut = { ...config, nodes: [config.nodes[0]!, { name: "srv2", addresses: ["127.0.2.12", "127.0.1.12"] }] };
    const client = new ControlClient({ config: cut, node: "srv1", keys: [OLD] });
    expect((await client.ask("srv2", VIEW)).status).toBe(200);
    expect((await client.ask("srv2", VIEW)).status).toBe(200);
    client.close();
  });
});

test("a node that accepts and stays silent costs no more than the limit", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.12", resolve));
  const { port } = silent.address() as AddressInfo;
  const config = cluster({ heartbeat: { intervalMs: 100, initialWaitMs: 1, port } });
  const client = new ControlClient({ config, node: "srv1", keys: [OLD] });
  const started = performance.now();
  await expect(client.ask("srv2", { ...VIEW, limitMs: 500 })).rejects.toThrow();
  expect(performance.now() - started).toBeLessThan(2_000);
  client.close();
  silent.close();
});

test("a request is passed to the node that the core names, and its answer comes back", async () => {
  await withTwo(async (one, two) => {
    one.heart.decide = () => ({ kind: "forward", to: "srv2" });
    two.heart.decide = (verb: Verb) => ({ kind: "done", detail: `${verb.verb} by srv2` });
    const verb = { verb: "switch", group: "www", to: "srv1" } as const;
    expect(await one.backend.submit(verb, { kind: "operator" })).toEqual({
      ok: true,
      node: "srv2",
      detail: "switch by srv2",
    });
    expect(two.heart.requests).toEqual([verb]);
    const problem = { code: "NO", severity: "error", message: "not now", next: "wait" } as const;
    two.heart.decide = () => ({ kind: "refused", problem });
    expect(await one.backend.submit(verb, { kind: "operator" })).toEqual({ ok: false, problems: [problem] });
  });
});

test("two nodes that point at each other do not ask for ever", async () => {
  await withTwo(async (one, two) => {
    one.heart.decide = () => ({ kind: "forward", to: "srv2" });
    two.heart.decide = () => ({ kind: "forward", to: "srv1" });
    const answer = await one.backend.submit({ verb: "switch", group: "www", to: "srv1" }, { kind: "operator" });
    expect(answer.ok).toBe(false);
    expect(one.heart.requests.length).toBeLessThan(10);
  });
});

test("status gathers the views of all nodes and says who does not answer", async () => {
  await withTwo(async (one, two) => {
    const whole = await one.backend.status();
    expect(whole.nodes.map(({ node, contact }) => [node, contact])).toEqual([
      ["srv1", "here"],
      ["srv2", "reached"],
    ]);
    two.close();
    const half = await one.backend.status();
    expect(half.nodes.map(({ node, contact }) => [node, contact])).toEqual([
      ["srv1", "here"],
      ["srv2", "unreachable"],
    ]);
    expect(half.problems.map(({ code }) => code)).toContain("NODE_DEAD");
  });
});

test("status still tells about the others when the own heart is silent", async () => {
  await withTwo(async (one) => {
    one.heart.currentView = () => {
      throw new Error("the heart did not answer");
    };
    const status = await one.backend.status();
    expect(status.nodes[1]?.view?.node).toBe("srv2");
    expect(status.problems[0]?.code).toBe("HEART_SILENT");
  });
});

test("every node copies what the others record, also what was recorded before they met", async () => {
  await withTwo(async (one, two) => {
    const event = {
      severity: "info",
      group: "www",
      node: "srv2",
      link: undefined,
      facts: { epoch: 8, because: "why not" },
    } as const;
    two.recorder.record({ ...event, reason: "GROUP_TAKEN" }, 1_000);
    const openStream = one.client.openStream.bind(one.client);
    const end = startReplication({ peers: ["srv2"], recorder: one.recorder, openStream });
    const known = (): readonly EventRecord[] => one.recorder.list(0);
    await expect.poll(() => known().map(({ reason }) => reason)).toEqual(["GROUP_TAKEN"]);
    two.recorder.record({ ...event, reason: "GROUP_RELEASED" }, 2_000);
    await expect.poll(() => known().map(({ id }) => id)).toEqual(["srv2:abc:1", "srv2:abc:2"]);
    expect(known()[0]?.text).toBe("srv2 holds www at epoch 8: why not");
    end();
  });
});

test("a view that another version wrote differently counts as no answer", async () => {
  await withTwo(async (one, two) => {
    const { counters, ...rest } = nodeView("srv2");
    expect(counters).toBeDefined();
    two.heart.currentView = () => rest as ReturnType<typeof nodeView>;
    expect((await one.backend.status()).nodes[1]?.contact).toBe("unreachable");
  });
});

test("an identity survives its way through the handshake, and nothing else is taken for one", () => {
  const identity = { cluster: "a/b", node: "srv 1", keyId: "0f" };
  expect(readIdentity(writeIdentity(identity))).toEqual(identity);
  for (const text of ["", "a", "a/b", "a/b/c/d", "%/b/c", "x".repeat(600)]) expect(readIdentity(text)).toBeUndefined();
});
