/** Requests that a browser never sends: what people try who want to be taken for somebody else. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { connect } from "node:net";
import { pause, until } from "../../../src/lab/clock.ts";
import type { Behaviour } from "../behaviour.ts";
import { HOST, HTTP } from "../bench.ts";
import type { Bench } from "../bench.ts";

const MEGABYTE = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
/** Longer than a member takes to see what was passed on to it. */
const PASSED_MS = 300;

/** Sends these lines as they are, and so much of a body; answers the first line of what comes back. */
async function send(bench: Bench, lines: readonly string[], bodyBytes = 0): Promise<string> {
  const socket = connect(HTTP, bench.vip);
  let text = "";
  let isOver = false;
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => (isOver = true));
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.write(`${lines.join("\r\n")}\r\nHost: ${HOST}\r\n\r\n`);
  for (let left = bodyBytes; left > 0 && !isOver; left -= PIECE_BYTES) {
    socket.write(Buffer.alloc(PIECE_BYTES, "b"));
    await pause(1);
  }
  await until("an answer", () => isOver || text.includes("\r\n")).catch(() => {}); // none is an answer too
  socket.destroy();
  return text.split("\r\n")[0] ?? "";
}

/** Where an answer to this path, sent as it is, leads; nothing when it leads nowhere. */
async function locationOf(bench: Bench, path: string): Promise<{ location?: string }> {
  const socket = connect(HTTP, bench.vip);
  let text = "";
  socket.on("error", () => {}); // "close" follows
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
  await closed;
  const location = /^location: *(.*)$/im.exec(text)?.[1]?.trim();
  return location === undefined ? {} : { location };
}

/** Values of these headers in the last request that the member `one` got. */
function passed(bench: Bench, ...names: string[]): string[] {
  const { headers = [] } = bench.at("one").received.at(-1) ?? {};
  return headers.filter(([name]) => names.includes(name)).map(([, value]) => value);
}

export const STRANGERS: readonly Behaviour[] = [
  {
    title: "a length that is no number for a computer does not get round the limit of bodies",
    shows: ["body-limit"],
    async run(bench) {
      await bench.serve({ members: ["one"], site: { bodyLimitBytes: MEGABYTE } });
      for (const length of [
        "10000000000000000000",
        "18446744073709551615",
        "99999999999999999999999",
        "-1",
        "1, 9999999",
      ]) {
        const told = await send(bench, ["POST /upload HTTP/1.1", `Content-Length: ${length}`], 2 * MEGABYTE);
        match(told, /^(HTTP\/1\.[01] 4\d\d .*)?$/, length);
      }
      await pause(PASSED_MS);
      const most = Math.max(0, ...bench.at("one").received.map(({ bodyBytes }) => bodyBytes));
      ok(most <= MEGABYTE, `a member got ${most} bytes`);
    },
  },
  {
    title: "no other protocol than WebSocket can be agreed on with a member",
    shows: ["websocket"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      for (const protocol of ["h2c", "H2C", "TLS/1.0", "websocket, h2c"]) {
        const lines = [
          "Connection: Upgrade, HTTP2-Settings",
          `Upgrade: ${protocol}`,
          "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ];
        const told = await send(bench, ["GET / HTTP/1.1", ...lines]);
        ok(!told.includes(" 101 "), `${protocol}: ${told}`);
        deepEqual(passed(bench, "http2-settings"), [], protocol);
        ok(!/h2c|tls/i.test(passed(bench, "upgrade").join()), `${protocol} was passed on`);
      }
    },
  },
  {
    title: "a client cannot have the headers about itself thrown away behind us",
    shows: ["forwarded-headers"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      await send(bench, ["GET / HTTP/1.1", "Connection: close, X-Forwarded-For, X-Real-IP"]);
      ok(!/x-/i.test(passed(bench, "connection").join()), `Connection: ${passed(bench, "connection").join()}`);
      deepEqual(passed(bench, "x-forwarded-for", "x-real-ip"), [bench.vip, bench.vip]);
    },
  },
  {
    title: "headers about the client are dropped in every spelling that an application may take for the same",
    shows: ["forwarded-headers"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      const names = ["X_Forwarded_For", "X-Forwarded_For", "x_real_ip", "X_Real-IP", "X_Forwarded_Proto"];
      await send(bench, ["GET / HTTP/1.1", ...names.map((name) => `${name}: 192.0.2.66`), "Proxy: 192.0.2.66"]);
      const { headers = [] } = bench.at("one").received.at(-1) ?? {};
      deepEqual(
        headers.filter(([, value]) => value.includes("192.0.2.66")).map(([name]) => name),
        [],
      );
    },
  },
  {
    title: "a redirect that keeps the rest leads to no other host",
    shows: ["redirects"],
    async run(bench) {
      const redirects = [
        { match: { kind: "prefix", text: "/old" }, to: "/", status: 301, keepRest: true },
        { match: { kind: "prefix", text: "/shop" }, to: "https://shop.test", status: 301, keepRest: true },
      ] as const;
      await bench.serve({ members: ["one"], site: { redirects } });
      for (const path of [
        "/old//evil.test/",
        "/old/evil.test",
        "/old/\\\\evil.test",
        "/old///evil.test",
        "/old/%2fevil.test",
      ]) {
        const { location = "" } = await locationOf(bench, path);
        const { host } = new URL(location, `http://${HOST}/`);
        equal(location === "" ? HOST : host, HOST, `${path} leads to ${location}`);
      }
      for (const path of ["/shop.evil.test", "/shop@evil.test", "/shop/@evil.test", "/shop//evil.test"]) {
        const { location = "" } = await locationOf(bench, path);
        ok(location === "" || new URL(location).host === "shop.test", `${path} leads to ${location}`);
      }
    },
  },
];
