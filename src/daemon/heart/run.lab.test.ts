/** Two hearts with pretended cores and machines talk over the loopback device; what they must not believe comes in between. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { FromHeart } from "./messages.ts";
import { directChores } from "./chores.ts";
import { loopbackConfig, PretendedNode, pretendedMachine } from "./pretended.ts";
import { type RunningHeart, runHeart } from "./run.ts";
import { nodeTimers } from "./timers.ts";

const KEY = new Uint8Array(32).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);
const running: RunningHeart[] = [];

afterEach(() => {
  for (const heart of running.splice(0)) heart.tell({ kind: "end" });
});

async function startOne(config: ClusterConfig, node: string, keys: readonly Uint8Array[]) {
  const did: string[] = [];
  const posted: FromHeart[] = [];
  const brain = new PretendedNode({ config, node, holds: node === "srv1", remembers: true });
  const state = { isBroken: false, isEnded: false };
  const addresses = config.nodes.find((n) => n.name === node)?.addresses ?? [];
  const machine = pretendedMachine(addresses, (line) => did.push(line));
  const heart = await runHeart(
    { config, configHash: "", node, keys, epochs: {}, wishes: [], handover: undefined },
    {
      machine,
      chores: directChores(machine),
      node: brain,
      timers: nodeTimers,
      post: (message) => posted.push(message),
      broken: () => (state.isBroken = true),
      ended: () => (state.isEnded = true),
    },
  );
  running.push(heart);
  const seen = (kind: string) => brain.inputs.filter((i) => i.kind === kind);
  return { heart, did, posted, seen, state, brain };
}

async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

test("Two hearts hear each other on every link, and the holder's gate is renewed by what it hears", async () => {
  const config = loopbackConfig(await freePort());
  const one = await startOne(config, "srv1", [KEY]);
  const two = await startOne(config, "srv2", [OTHER_KEY, KEY]);
  expect(one.posted.at(-1)).toEqual({ kind: "ready" });
  expect(one.seen("interface")).toHaveLength(2);
  await vi.waitFor(() => {
    expect(two.seen("frame").length).toBeGreaterThan(4);
    expect(new Set(two.seen("frame").map((i) => i.kind === "frame" && i.frame.link))).toEqual(new Set([0, 1]));
  }, 5_000);
  // The second one signs with a key that the first one does not have: heard as a wrong key, from where it came.
  await vi.waitFor(
    () =>
      expect(one.seen("frame-rejected")).toContainEqual(
        expect.objectContaining({ why: "wrong-key", source: "127.1.0.12" }),
      ),
    5_000,
  );
  expect(one.seen("frame")).toEqual([]);
});

test("Bytes that are no frame are counted one by one and change nothing", async () => {
  const config = loopbackConfig(await freePort());
  const one = await startOne(config, "srv1", [KEY]);
  const two = await startOne(config, "srv2", [KEY]);
  const stranger = createSocket("udp4");
  stranger.send(new Uint8Array(60_000).fill(1), config.heartbeat.port, "127.1.0.11");
  stranger.send(new Uint8Array(10), config.heartbeat.port, "127.1.0.11");
  await vi.waitFor(() => {
    expect(
      one
        .seen("frame-rejected")
        .map((i) => i.kind === "frame-rejected" && i.why)
        .sort(),
    ).toEqual(["malformed", "oversized"]);
    expect(one.seen("frame").length).toBeGreaterThan(4);
    expect(two.seen("frame").length).toBeGreaterThan(4);
  }, 5_000);
  stranger.close();
  expect(one.did).toContain("gate.open");
});

test("The heart answers the main thread, and at the end undoes everything", async () => {
  const { heart, did, posted, state } = await startOne(loopbackConfig(await freePort()), "srv1", [KEY]);
  heart.tell({ kind: "request", id: 4, request: { verb: "leave" } });
  heart.tell({ kind: "view", id: 5 });
  expect(posted).toContainEqual({ kind: "reply", id: 4, outcome: { kind: "done", detail: "leave" } });
  expect(posted).toContainEqual(expect.objectContaining({ kind: "view", id: 5 }));
  running.length = 0;
  heart.tell({ kind: "end" });
  expect(state.isEnded).toBe(true);
  expect(did.slice(-5)).toEqual([
    "gate.close",
    "gate.remove",
    "sysctls.restore",
    "neighbours.close",
    "interfaces.close",
  ]);
  expect(posted.at(-1)).toEqual({ kind: "ended" });
});

test("A view that cannot be made is told and harms nothing", async () => {
  const { heart, posted, brain, state } = await startOne(loopbackConfig(await freePort()), "srv1", [KEY]);
  brain.isBlind = true;
  heart.tell({ kind: "view", id: 5 });
  expect(posted.at(-1)).toMatchObject({
    kind: "log",
    level: "error",
    fields: { cause: expect.stringContaining("a defect in the view") },
  });
  expect(state.isBroken).toBe(false);
});

test("A core that throws closes the gates before anybody hears of it", async () => {
  const { heart, did, posted, state } = await startOne(loopbackConfig(await freePort()), "srv1", [KEY]);
  heart.tell({ kind: "monitor", monitor: "m", verdict: "up", detail: "" });
  expect(did.at(-1)).toBe("gate.close");
  expect(posted.at(-1)).toMatchObject({ kind: "fatal", message: expect.stringContaining("a defect in the core") });
  expect(state.isBroken).toBe(true);
});

test("A socket whose address is taken is opened as soon as it is free", async () => {
  const config = loopbackConfig(await freePort());
  const squatter = createSocket("udp4");
  squatter.bind(config.heartbeat.port, "127.1.0.11");
  await once(squatter, "listening");
  const one = await startOne(config, "srv1", [KEY]);
  await startOne(config, "srv2", [KEY]);
  expect(one.posted).toContainEqual(
    expect.objectContaining({ kind: "log", fields: expect.objectContaining({ error: "EADDRINUSE" }) }),
  );
  squatter.close();
  const heardOnFirst = () => one.seen("frame").filter((i) => i.kind === "frame" && i.frame.link === 0).length;
  await vi.waitFor(() => expect(heardOnFirst()).toBeGreaterThan(2), 5_000);
});
