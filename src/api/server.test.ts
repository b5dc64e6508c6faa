import { connect } from "node:net";
import type { Server } from "node:http";
import { request } from "node:http";
import { join } from "node:path";

import { expect, test } from "vitest";

import { withDirectory } from "../daemon/fixtures/pretended.ts";
import { cluster, nodeView } from "../daemon/fixtures/pretended-cluster.ts";
import type { Backend, Caller } from "./backend.ts";
import { createApiServer, createHandler } from "./server.ts";
import { createServer } from "node:http";
import type { EventRecord, Verb } from "./types.ts";

function record(counter: number, by = "srv1"): EventRecord {
  return {
    id: `${by}:abc:${counter}`,
    by,
    time: counter,
    severity: "info",
    reason: "NODE_STARTED",
    group: undefined,
    node: by,
    link: undefined,
    facts: {},
    text: `event ${counter}`,
  };
}

class PretendedBackend implements Backend {
  readonly node = "srv1";
  readonly pid = 42;
  readonly version = "1.2.3";
  readonly submitted: [Verb, Caller][] = [];
  readonly followers = new Set<(record: EventRecord) => void>();
  fails = false;

  status: Backend["status"] = async () => {
    if (this.fails) throw new Error("broken on purpose");
    return { cluster: "demo", answeredBy: "srv1", time: 1, nodes: [], problems: [] };
  };
  view: Backend["view"] = async () => nodeView("srv1");
  why: Backend["why"] = async (group) =>
    group === "www" ? { group, holder: "srv1", epoch: 1, nodes: [], events: [] } : undefined;
  events: Backend["events"] = (after) => [record(1), record(2), record(3, "srv2")].filter(({ time }) => time > after);
  ownEvents: Backend["ownEvents"] = (after) => [record(1), record(2)].filter(({ time }) => time > after);
  followEvents: Backend["followEvents"] = (heard) => {
    this.followers.add(heard);
    return () => this.followers.delete(heard);
  };
  balancer: Backend["balancer"] = undefined;
  reload: Backend["reload"] = async () => ({ ok: true, node: "srv1", how: [], restarts: false, problems: [] });
  running: Backend["running"] = () => ({
    node: "srv1",
    file: "/etc/understudy/cluster.yaml",
    hash: "c0ffee",
    config: cluster(),
    wanted: undefined,
    directory: "/run/understudy/balancer",
  });
  submit: Backend["submit"] = async (verb, caller) => {
    this.submitted.push([verb, caller]);
    return { ok: true, node: "srv1", detail: "done" };
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Record<string, unknown>;
}

async function withServer(
  use: (
    ask: (method: string, path: string, body?: string) => Promise<Answer>,
    socket: string,
    backend: PretendedBackend,
  ) => Promise<void>,
  make: (backend: Backend) => Server = createApiServer,
): Promise<void> {
  await withDirectory(async (directory) => {
    const backend = new PretendedBackend();
    const server = make(backend);
    const socketPath = join(directory, "s");
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const ask = (method: string, path: string, body?: string): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const sent = request({ socketPath, method, path, agent: false }, (response) => {
          let text = "";
          response.on("data", (chunk) => (text += String(chunk)));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(text), headers: response.headers }),
          );
          response.on("error", reject);
        });
        sent.on("error", reject);
        sent.end(body);
      });
    try {
      await use(ask, socketPath, backend);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
}

/** Sends bytes as they are and returns whatever comes back until the end. */
function sendRaw(socketPath: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(socketPath, () => socket.write(bytes));
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

function codes(answer: Answer): string[] {
  return (answer.body as { problems: { code: string }[] }).problems.map(({ code }) => code);
}

test("questions are answered, and the answer names the node, its process and its version", async () => {
  await withServer(async (ask) => {
    expect((await ask("GET", "/v1/status")).body).toMatchObject({ cluster: "demo" });
    expect((await ask("GET", "/v1/why/www")).body).toMatchObject({ group: "www" });
    const view = await ask("GET", "/v1/view");
    expect(view.body).toMatchObject({ node: "srv1" });
    expect(view.headers).toMatchObject({
      "understudy-node": "srv1",
      "understudy-pid": "42",
      "understudy-version": "1.2.3",
    });
    expect((await ask("GET", "/v1/events?after=1")).body).toHaveLength(2);
  });
});

test("requests reach the backend as an operator's", async () => {
  await withServer(async (ask, _socket, backend) => {
    const answer = await ask("POST", "/v1/requests", JSON.stringify({ verb: "switch", group: "www", to: "srv2" }));
    expect(answer).toMatchObject({ status: 200, body: { ok: true, detail: "done" } });
    expect(backend.submitted).toEqual([[{ verb: "switch", group: "www", to: "srv2" }, { kind: "operator" }]]);
  });
});

test("whatever is wrong with a request is told, and nothing reaches the backend", async () => {
  await withServer(async (ask, _socket, backend) => {
    const wrong: [string, string, string | undefined, number, string][] = [
      ["GET", "/nowhere", undefined, 404, "PATH_UNKNOWN"],
      ["GET", "/v1/why/other", undefined, 404, "GROUP_UNKNOWN"],
      ["GET", "/v1/why/%E0%A4%A", undefined, 400, "REQUEST_MALFORMED"],
      ["GET", "/v1/events?after=tomorrow", undefined, 400, "REQUEST_MALFORMED"],
      ["DELETE", "/v1/status", undefined, 405, "METHOD_UNKNOWN"],
      ["POST", "/v1/status", "{}", 404, "PATH_UNKNOWN"],
      ["POST", "/v1/requests", "", 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", "{", 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", "null", 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", "[]", 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", `{"verb":"explode"}`, 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", `{"verb":"switch","group":"www"}`, 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", `{"verb":"standby","node":"srv1","also":1}`, 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", `{"verb":"standby","node":"${"x".repeat(64)}"}`, 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", `{"verb":"maintenance","on":"yes"}`, 400, "REQUEST_MALFORMED"],
      ["POST", "/v1/requests", `{"__proto__":{"verb":"restart"}}`, 400, "REQUEST_MALFORMED"],
    ];
    for (const [method, path, body, status, code] of wrong) {
      const answer = await ask(method, path, body);
      expect([method, path, body, answer.status, codes(answer)[0]]).toEqual([method, path, body, status, code]);
    }
    expect(backend.submitted).toEqual([]);
  });
});

test("a body that is too large is refused, and the server goes on", async () => {
  await withServer(async (ask, socket) => {
    const body = `{"verb":"${"x".repeat(70_000)}"}`;
    const raw = await sendRaw(
      socket,
      `POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(raw).toContain(" 413 ");
    expect(raw).toContain("REQUEST_TOO_LARGE");
    const announced = "POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{";
    expect(await sendRaw(socket, announced)).toContain(" 413 ");
    expect((await ask("GET", "/v1/view")).status).toBe(200);
  });
});

test("what is no HTTP at all gets an error and a closed connection, and the server goes on", async () => {
  await withServer(async (ask, socket) => {
    expect(await sendRaw(socket, "hello?\r\n\r\n")).toContain("REQUEST_MALFORMED");
    expect(await sendRaw(socket, Buffer.alloc(65_536, 0xff))).toContain(" 400 ");
    expect(await sendRaw(socket, `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`)).toContain(" 400 ");
    expect(await sendRaw(socket, "GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toMatch(/ 40[04] /);
    expect((await ask("GET", "/v1/view")).status).toBe(200);
  });
});

test("a defect behind the API is an error answer", async () => {
  await withServer(async (ask, _socket, backend) => {
    backend.fails = true;
    const answer = await ask("GET", "/v1/status");
    expect([answer.status, codes(answer)]).toEqual([500, ["INTERNAL_ERROR"]]);
  });
});

test("another node may ask only for the closed list", async () => {
  const peer: Caller = { kind: "peer", node: "srv2" };
  await withServer(
    async (ask, _socket, backend) => {
      expect((await ask("GET", "/v1/view")).status).toBe(200);
      expect((await ask("GET", "/v1/why/www")).status).toBe(200);
      expect((await ask("GET", "/v1/status")).status).toBe(403);
      expect((await ask("GET", "/v1/events")).status).toBe(403);
      expect((await ask("GET", "/v1/events?follow=1")).status).toBe(403);
      for (const verb of ["restart", "leave"]) {
        expect((await ask("POST", "/v1/requests", JSON.stringify({ verb }))).status).toBe(403);
      }
      expect((await ask("POST", "/v1/requests", `{"verb":"online","node":"srv1"}`)).status).toBe(200);
      expect(backend.submitted).toEqual([[{ verb: "online", node: "srv1" }, peer]]);
    },
    (backend) => createServer(createHandler(backend, () => peer)),
  );
});

test("a caller that nobody knows is refused", async () => {
  await withServer(
    async (ask) => {
      expect((await ask("GET", "/v1/view")).status).toBe(403);
    },
    (backend) => createServer(createHandler(backend, () => undefined)),
  );
});

test("a stream begins with what is known and goes on with what happens", async () => {
  await withServer(async (_ask, socketPath, backend) => {
    const seen: string[] = [];
    const sent = request({ socketPath, path: "/v1/own-events?after=1", agent: false }, (response) => {
      response.on("data", (chunk) =>
        seen.push(
          ...String(chunk)
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => (JSON.parse(line) as EventRecord).id),
        ),
      );
      response.on("error", () => {});
    });
    sent.on("error", () => {});
    sent.end();
    await expect.poll(() => backend.followers.size).toBe(1);
    for (const follower of backend.followers) {
      follower(record(3));
      follower(record(9, "srv2"));
      follower(record(4));
    }
    await expect.poll(() => seen).toEqual(["srv1:abc:2", "srv1:abc:3", "srv1:abc:4"]);
    sent.destroy();
    await expect.poll(() => backend.followers.size).toBe(0);
  });
});
