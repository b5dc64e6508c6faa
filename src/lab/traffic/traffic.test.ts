/** The load client and the members against each other, so that what they say about a balancer can be believed. */

import { expect, test } from "vitest";
import { until } from "../clock.ts";
import { ask } from "./ask.ts";
import { describeFailures, RequestLoad } from "./request-load.ts";
import type { LoadOptions } from "./request-load.ts";
import { WebMember } from "./web-members.ts";
import { WebSocketVisitor } from "./web-socket.ts";

async function withMember<T>(use: (member: WebMember) => Promise<T>): Promise<T> {
  const member = new WebMember({ name: "one", address: "127.0.0.1", port: 0 });
  await member.start();
  try {
    return await use(member);
  } finally {
    member.kill();
  }
}

function optionsFor(member: WebMember): LoadOptions {
  const { address, port } = member;
  const requests = [
    { method: "GET", path: "/" },
    { method: "POST", path: "/form", bodyBytes: 100 },
  ];
  return { address, port, host: "a.test", perSecond: 400, newConnections: 0.5, requests, limitMs: 500 };
}

test("every request is accounted for, by both sides", async () => {
  await withMember(async (member) => {
    const load = new RequestLoad({ ...optionsFor(member), visitors: 3 });
    load.start();
    await until("some requests", () => load.report().answered > 100);
    const report = await load.stop();
    expect(describeFailures(report)).toBe("none failed");
    expect(report).toMatchObject({ sent: report.answered, open: 0, members: { one: member.requests }, moves: [] });
    expect(report.connections).toBeGreaterThan(report.sent / 2);
    expect(report.connections).toBeLessThan(report.sent * 0.9);
    const posts = member.received.filter(({ method }) => method === "POST");
    expect(Math.abs(posts.length - report.sent / 2)).toBeLessThanOrEqual(1);
    expect(posts.every(({ bodyBytes, isComplete }) => bodyBytes === 100 && isComplete)).toBe(true);
  });
});

test("what a dying, silent, cutting or failing member does to requests is told apart", async () => {
  const seen = async (spoil: (member: WebMember) => void): Promise<string[]> =>
    withMember(async (member) => {
      const load = new RequestLoad(optionsFor(member));
      load.start();
      await until("some requests", () => load.report().answered > 20);
      spoil(member);
      await until("failures", () => load.report().failed > 10);
      const report = await load.stop();
      expect(report.sent).toBe(report.answered + report.failed);
      return [...new Set(report.failures.map(({ kind }) => kind))].sort();
    });
  expect(await seen((member) => (member.mood = { kind: "failing", status: 503 }))).toEqual(["status"]);
  expect(await seen((member) => (member.mood = { kind: "silent" }))).toEqual(["late"]);
  expect(await seen((member) => (member.mood = { kind: "cutting" }))).toContain("closed");
  expect(await seen((member) => member.kill())).toContain("refused");
});

test("a browser sends once more what a closed connection swallowed, and the load counts it", async () => {
  await withMember(async (member) => {
    const load = new RequestLoad({ ...optionsFor(member), newConnections: 0, asBrowser: true, perSecond: 50 });
    load.start();
    await until("kept connections", () => load.report().answered > 10);
    let cuts = 0;
    await until("one that was cut", async () => {
      // The mood lasts for a moment only: a second cut would be a failure for a browser too.
      member.mood = { kind: "cutting" };
      await until("a cut", () => member.requests > cuts);
      cuts = member.requests;
      member.mood = { kind: "well" };
      return load.report().sentAgain > 0;
    });
    expect((await load.stop()).sentAgain).toBeGreaterThan(0);
  });
});

test("cookies stay with their visitor", async () => {
  await withMember(async (member) => {
    const requests = [{ method: "GET", path: "/login?cookie=WHO" }];
    const load = new RequestLoad({ ...optionsFor(member), requests, visitors: 2 });
    load.start();
    await until("some requests", () => load.report().answered > 20);
    const { cookiesSet, sent } = await load.stop();
    expect(cookiesSet).toBe(sent);
    expect(member.received.at(-1)?.headers).toContainEqual(["cookie", "WHO=abc123"]);
  });
});

test("a WebSocket echoes, and its end is noticed", async () => {
  await withMember(async (member) => {
    const socket = await WebSocketVisitor.open({ address: member.address, port: member.port, host: "a.test" });
    await socket.echo("hello");
    expect(socket.member).toBe("one");
    member.kill();
    await until("its end", () => socket.ended);
    await expect(socket.echo("again")).rejects.toThrow(/over/);
  });
});

test("one request tells its whole answer, and a missing one is an error", async () => {
  await withMember(async (member) => {
    const to = { address: member.address, port: member.port, host: "a.test" };
    expect(await ask({ ...to, body: "12345" })).toMatchObject({ status: 200, body: "one\n", member: "one" });
    expect((await ask({ ...to, body: 300_000, isChunked: true })).headers["x-body-bytes"]).toBe("300000");
    expect((await ask({ ...to, path: "/download?bytes=40000&everyMs=1" })).body).toHaveLength(40_000);
    member.mood = { kind: "silent" };
    await expect(ask({ ...to, limitMs: 50 })).rejects.toThrow(/no answer/);
  });
});
