import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";

import { expect, test } from "vitest";

import type { HttpProbe } from "../../core/config/balancer.ts";
import { probeMember } from "./member.ts";

const HTTP: HttpProbe = {
  kind: "http",
  method: "HEAD",
  path: "/check.txt?deep=1",
  host: "health.example",
  expect: { kind: "status", ranges: [[200, 299]] },
};

async function answering(
  listener: RequestListener,
  probe: HttpProbe = HTTP,
  timeoutMs = 2_000,
): Promise<{ outcome: string; detail: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await probeMember({ address: "127.0.0.1", port, probe, timeoutMs });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a request is asked as the config says, and its status decides", async () => {
  let asked: unknown;
  const answer =
    (status: number): RequestListener =>
    ({ method, url, headers }, response) => {
      asked = [method, url, headers.host];
      response.writeHead(status).end();
    };
  expect(await answering(answer(204))).toMatchObject({ outcome: "up" });
  expect(asked).toEqual(["HEAD", "/check.txt?deep=1", "health.example"]);
  expect(await answering(answer(302))).toEqual({ outcome: "down", detail: "status 302" });
  expect(await answering(answer(500))).toMatchObject({ outcome: "down" });
});

test("a text is looked for in the body of a good answer, also across pieces", async () => {
  const probe: HttpProbe = { ...HTTP, method: "GET", expect: { kind: "text", text: "all is well" } };
  const inPieces: RequestListener = (_, response) => {
    response.write("all is ");
    setImmediate(() => response.end("well"));
  };
  expect(await answering(inPieces, probe)).toMatchObject({ outcome: "up" });
  expect(await answering((_, response) => response.end("nothing is"), probe)).toMatchObject({ outcome: "down" });
  expect(await answering((_, response) => response.writeHead(500).end("all is well"), probe)).toMatchObject({
    outcome: "down",
  });
  const endless: RequestListener = (_, response) => {
    const pour = (): void => {
      while (!response.destroyed && response.write("x".repeat(10_000)));
      if (!response.destroyed) response.once("drain", pour);
    };
    pour();
  };
  expect((await answering(endless, probe)).detail).toMatch(/not in the first 64 kB/);
});

test("silence is down after the limit", async () => {
  expect(await answering(() => {}, HTTP, 50)).toEqual({ outcome: "down", detail: "no answer within 50 ms" });
});

test("a limit that we noticed too late says nothing about the member", async () => {
  const probing = answering(() => {}, HTTP, 50);
  setTimeout(() => {
    const until = performance.now() + 250;
    while (performance.now() < until);
  }, 20);
  expect(await probing).toMatchObject({ outcome: "unknown" });
});

test("a connection that is taken is up and a refused one is down", async () => {
  const server = createTcpServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const probe = { address: "127.0.0.1", port, probe: { kind: "tcp" } as const, timeoutMs: 2_000 };
  expect(await probeMember(probe)).toMatchObject({ outcome: "up" });
  await new Promise((resolve) => server.close(resolve));
  expect(await probeMember(probe)).toMatchObject({ outcome: "down" });
});
