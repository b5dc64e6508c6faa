import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { createServer as createTcpServer } from "node:net";

import { expect, test } from "vitest";

import type { CommandResult } from "../ports.ts";
import { probeByCommand } from "./command.ts";
import { probeByHttp } from "./http.ts";

async function withServer(server: Server, use: (port: number) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

function probe(port: number, timeoutMs = 2_000) {
  return probeByHttp({ url: `http://srv1:${port}/check?a=1`, timeoutMs, hosts: { srv1: "127.0.0.1" } });
}

test("an answer of 2xx or 3xx is up and every other one is down", async () => {
  const answer: RequestListener = (request, response) => {
    expect(request.url).toBe("/check?a=1");
    response.writeHead(status, { location: "/elsewhere" }).end("text");
  };
  let status = 200;
  await withServer(createServer(answer), async (port) => {
    for (const [code, outcome] of [
      [200, "up"],
      [204, "up"],
      [302, "up"],
      [404, "down"],
      [503, "down"],
    ] as const) {
      status = code;
      expect((await probe(port)).outcome, String(code)).toBe(outcome);
    }
  });
});

test("a refused connection is down", async () => {
  let free = 0;
  await withServer(createServer(), async (port) => {
    free = port;
  });
  expect(await probe(free)).toMatchObject({ outcome: "down" });
});

test("a server that accepts and stays silent, or talks no HTTP, is down", async () => {
  await withServer(createTcpServer(() => {}).unref(), async (port) => {
    expect(await probe(port, 200)).toEqual({ outcome: "down", detail: "no answer within 200 ms" });
  });
  await withServer(
    createTcpServer((socket) => socket.end("SSH-2.0\r\n")),
    async (port) => {
      expect(await probe(port)).toMatchObject({ outcome: "down" });
    },
  );
});

test("an endless body does not keep the probe", async () => {
  let closed = false;
  const server = createServer((_, response) => {
    response.on("close", () => (closed = true));
    const pour = (): void => {
      while (!response.destroyed && response.write("x".repeat(10_000)));
      if (!response.destroyed) response.once("drain", pour);
    };
    pour();
  });
  await withServer(server, async (port) => {
    expect(await probe(port)).toMatchObject({ outcome: "up" });
    await expect.poll(() => closed).toBe(true);
  });
});

test("what is our own fault is unknown", async () => {
  const result = await probeByHttp({ url: "not an address", timeoutMs: 100, hosts: {} });
  expect(result.outcome).toBe("unknown");
});

test("a command's end decides between up, down and unknown", async () => {
  const ends: [Partial<CommandResult>, string][] = [
    [{ code: 0 }, "up"],
    [{ code: 1 }, "down"],
    [{ code: 125 }, "down"],
    [{ code: 126 }, "unknown"],
    [{ code: 127 }, "unknown"],
    [{ signal: "SIGSEGV" }, "unknown"],
    [{ signal: "SIGKILL", timedOut: true }, "down"],
    [{ error: "no such file" }, "unknown"],
  ];
  for (const [end, outcome] of ends) {
    const result: CommandResult = {
      argv: ["check"],
      code: undefined,
      signal: undefined,
      timedOut: false,
      durationMs: 1,
      output: "",
      error: undefined,
      ...end,
    };
    const found = await probeByCommand({ run: () => Promise.resolve(result) }, { argv: ["check"], timeoutMs: 1 }, {});
    expect(found.outcome, JSON.stringify(end)).toBe(outcome);
  }
});
