/** What else a browser never sends: two names at once, proxies' headers, and bodies of lengths that none has. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { makeCertificate } from "../../../src/lab/traffic/certificates.fixture.ts";
import { pause } from "../../../src/lab/clock.ts";
import type { Behaviour } from "../behaviour.ts";
import { HOST, HTTP, HTTPS } from "../bench.ts";
import type { Bench } from "../bench.ts";
import { siteOf } from "../model.ts";

const KILOBYTE = 1024;
const PIECE_BYTES = 16 * KILOBYTE;
const PIECES = 8;
/** Longer than a member takes to see what was passed on to it. */
const PASSED_MS = 200;

/** The first line of the answer to a request with this name. */
async function askAs(bench: Bench, host: string, lines: readonly string[] = []): Promise<string> {
  const socket = connect(HTTP, bench.vip);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.write(["GET / HTTP/1.1", `Host: ${host}`, "Connection: close", ...lines, "", ""].join("\r\n"));
  // Whoever refuses a body may wait a while for it before the connection ends.
  while (!text.includes("\r\n") && !socket.closed) await Promise.race([once(socket, "data"), once(socket, "close")]);
  socket.destroy();
  return text.split("\r\n")[0] ?? "";
}

/** One request by HTTP/2, with a body after a pause whose length is not told; answers the status, 0 for none. */
function askHttp2(bench: Bench, method: string, pieces: number): Promise<number> {
  return new Promise((resolve) => {
    const session = connectHttp2(`https://${bench.vip}:${HTTPS}`, { servername: HOST, rejectUnauthorized: false });
    const asking = session.request(
      { ":path": "/upload", ":authority": HOST, ":method": method },
      { endStream: pieces === 0 },
    );
    let status = 0;
    asking.on("response", (headers) => (status = headers[":status"] ?? 0));
    // A refused body is reset behind the answer.
    for (const source of [session, asking]) source.on("error", () => {});
    asking.on("close", () => {
      resolve(status);
      session.destroy();
    });
    asking.resume();
    void write();

    async function write(): Promise<void> {
      for (let piece = 0; piece < pieces && !asking.closed; piece++) {
        await pause(PASSED_MS / PIECES);
        if (!asking.closed) asking.write(Buffer.alloc(PIECE_BYTES, "b"));
      }
      if (pieces > 0 && !asking.closed) asking.end();
    }
  });
}

export const MORE_STRANGERS: readonly Behaviour[] = [
  {
    title: "whatever else proxies tell in headers of their own is dropped, unless that proxy is trusted",
    shows: ["forwarded-headers", "trusted-proxies"],
    async run(bench) {
      await bench.serve({ members: ["one"], balancer: { trusted: [`${bench.client(9)}/32`] } });
      const headers = { "X-Forwarded-Host": "evil.test", "X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/evil" };
      const told = (): string[] =>
        (bench.at("one").received.at(-1)?.headers ?? []).map(([name]) => name).filter((name) => NAMES.includes(name));
      const NAMES = Object.keys(headers).map((name) => name.toLowerCase());
      await bench.ask("/", { from: bench.client(8), headers });
      deepEqual(told(), []);
      await bench.ask("/", { from: bench.client(9), headers: { ...headers, x_forwarded_for: "192.0.2.66" } });
      deepEqual(told().sort(), NAMES.toSorted());
      const { headers: all = [] } = bench.at("one").received.at(-1) ?? {};
      deepEqual(
        all.filter(([, value]) => value === "192.0.2.66"),
        [],
      );
    },
  },
  {
    title: "a length beyond 32 bits counts for the limit of bodies",
    shows: ["body-limit"],
    async run(bench) {
      await bench.serve({ members: ["one"], site: { bodyLimitBytes: KILOBYTE } });
      for (const length of [2 ** 31 + 1, 2 ** 32 + 1, 2 ** 40 + 1]) {
        const told = await askAs(bench, HOST, [`Content-Length: ${length}`]);
        match(told, /^HTTP\/1\.1 413 /, String(length));
      }
      equal(bench.at("one").requests, 0);
    },
  },
  {
    title: "a list of names is no name of a site, whatever its last entry is",
    shows: ["host-routing", "wildcard-names"],
    async run(bench) {
      const listen = [{ addresses: [bench.vip], port: HTTP, tls: false }];
      const other = siteOf("b.test", { wildcards: ["*.b.test"], listen });
      await bench.serve({ members: ["one"], sites: [other] });
      for (const host of [`evil.test,${HOST}`, `evil.test, ${HOST}`, "evil.test,b.test", "evil.test,www.b.test"])
        match(await askAs(bench, host), /^HTTP\/1\.1 40[04] /, host);
      match(await askAs(bench, "www.b.test"), / 200 /);
      equal(bench.at("one").requests, 1);
    },
  },
  {
    title: "a body over HTTP/2 without a length does not get round the limit, whatever the method",
    shows: ["body-limit", "http2"],
    async run(bench) {
      const certificate = makeCertificate(bench.directory, "body", HOST, [HOST]);
      const tls = { certificates: [certificate], http2: true, minVersion: "1.2" } as const;
      const listen = [{ addresses: [bench.vip], port: HTTPS, tls: true }];
      await bench.serve({ members: ["one"], site: { bodyLimitBytes: KILOBYTE, tls, listen } });
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "GET"]) {
        const status = await askHttp2(bench, method, PIECES);
        ok([411, 413, 0].includes(status), `${method}: ${status}`);
      }
      await pause(PASSED_MS);
      const most = Math.max(0, ...bench.at("one").received.map(({ bodyBytes }) => bodyBytes));
      ok(most <= KILOBYTE, `a member got ${most} bytes`);
      for (const method of ["GET", "DELETE", "OPTIONS"]) equal(await askHttp2(bench, method, 0), 200, method);
    },
  },
];
