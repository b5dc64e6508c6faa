/** What happens to a request and its answer on the way: sizes, times, headers, pages, logs. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { connect } from "node:net";
import { nowMs, pause, until } from "../../../src/lab/clock.ts";
import type { WebMember } from "../../../src/lab/traffic/web-members.ts";
import { WebSocketVisitor } from "../../../src/lab/traffic/web-socket.ts";
import type { Behaviour } from "../behaviour.ts";
import { HOST, HTTP } from "../bench.ts";
import { bufferSizes, CHECK, siteOf } from "../model.ts";

const MEGABYTE = 1024 * 1024;
/** Longer than a line of the log is on its way. */
const LOG_MS = 100;
/** All that a value of a header may hold and that means something to an engine. */
const ODD_VALUE = `a "quoted" 'word'; {%[src]} # 100%`;

/** Values of a header in the last request that a member got. */
function lastHeader(member: WebMember, name: string): string[] {
  return (member.received.at(-1)?.headers ?? []).filter(([one]) => one === name).map(([, value]) => value);
}

export const REQUESTS: readonly Behaviour[] = [
  {
    title: "a body up to the limit passes and a larger one gets 413, with a stated length",
    shows: ["body-limit"],
    async run(bench) {
      await bench.serve({ members: ["one"], site: { bodyLimitBytes: 30 * MEGABYTE } });
      const passed = await bench.ask("/upload", { body: 29 * MEGABYTE });
      deepEqual([passed.status, passed.headers["x-body-bytes"]], [200, String(29 * MEGABYTE)]);
      equal((await bench.ask("/upload", { body: 30 * MEGABYTE })).status, 200);
      equal((await bench.ask("/upload", { body: 31 * MEGABYTE })).status, 413);
      equal(bench.at("one").requests, 2);
    },
  },
  {
    title: "a body without a stated length does not get round the limit",
    shows: ["body-limit"],
    async run(bench) {
      await bench.serve({ members: ["one"], site: { bodyLimitBytes: 30 * MEGABYTE } });
      const { status } = await bench.ask("/upload", { body: 31 * MEGABYTE, isChunked: true });
      ok(status === 413 || status === 411, `answered ${status}`);
      ok(!bench.at("one").received.some(({ isComplete }) => isComplete), "a member got all of it");
    },
  },
  {
    title: "without a limit any body passes, also without a stated length",
    shows: ["body-limit"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      const { status, headers } = await bench.ask("/upload", { body: 5 * MEGABYTE, isChunked: true });
      deepEqual([status, headers["x-body-bytes"]], [200, String(5 * MEGABYTE)]);
    },
  },
  {
    title: "a member that does not answer in time gives 504, by the pool's limit or by the site's",
    shows: ["timeouts"],
    async run(bench) {
      const timeouts = { connectMs: 1_000, serverMs: 400, queueMs: 1_000, tunnelMs: 60_000 };
      await bench.serve({ members: ["one"], pool: { timeouts } });
      equal((await bench.ask("/slow?ms=100")).status, 200);
      const late = await bench.ask("/slow?ms=3000");
      equal(late.status, 504);
      ok(late.durationMs >= 380 && late.durationMs < 2_500, `after ${late.durationMs} ms`);
      bench.change({ site: { timeouts: { clientMs: 30_000, serverMs: 1_500, tunnelMs: undefined } } });
      await bench.apply();
      equal((await bench.ask("/slow?ms=800")).status, 200);
      equal((await bench.ask("/slow?ms=6000")).status, 504);
    },
  },
  {
    title: "a client that stops in the middle of a request's head, or says nothing more after an answer, is let go",
    shows: ["timeouts"],
    async run(bench) {
      await bench.serve({ site: { timeouts: { clientMs: 700, serverMs: undefined, tunnelMs: undefined } } });
      for (const text of ["GET / HT", `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`]) {
        const startMs = nowMs();
        const socket = connect(HTTP, bench.vip);
        socket.on("error", () => {}); // "close" follows
        socket.resume().write(text);
        await new Promise((resolve) => socket.on("close", resolve));
        const tookMs = nowMs() - startMs;
        ok(tookMs >= 600 && tookMs < 4_000, `let go after ${tookMs} ms`);
      }
    },
  },
  {
    title: "an answer that the engine gives itself shows the site's own page, with the right status",
    shows: ["error-pages"],
    async run(bench) {
      const page = (status: number) => ({
        status,
        path: bench.file(`errors/${status}.html`, `<p>own ${status}</p>\n`),
      });
      const timeouts = { connectMs: 300, serverMs: 300, queueMs: 1_000, tunnelMs: 60_000 };
      const errorPages = [413, 502, 503, 504].map(page);
      await bench.serve({ members: ["one"], site: { errorPages, bodyLimitBytes: 1_000 }, pool: { timeouts } });
      const show = async (path: string, body?: number): Promise<string> => {
        const { status, body: text } = await bench.ask(path, body === undefined ? {} : { body });
        return `${status} ${text.trim()}`;
      };
      equal(await show("/", 2_000), "413 <p>own 413</p>");
      equal(await show("/slow?ms=3000"), "504 <p>own 504</p>");
      // What a member says itself is its own business.
      equal(await show("/status?code=503"), "503 one says so");
      bench.at("one").kill();
      match(await show("/"), /^(502 <p>own 502|503 <p>own 503)<\/p>$/);
      const { headers } = await bench.ask("/");
      match(headers["content-type"] ?? "", /^text\/html/);
    },
  },
  {
    title: "an error page that only root may read is shown all the same, or refused by its name",
    shows: ["error-pages"],
    async run(bench) {
      const path = bench.file("errors/private.html", "<p>private</p>", 0o600);
      const errorPages = [{ status: 413, path }];
      const problem = await bench.serve({ site: { errorPages, bodyLimitBytes: 100 } }).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (problem !== undefined) return match(problem, /private\.html/);
      const { status, body } = await bench.ask("/", { body: 200 });
      deepEqual([status, body], [413, "<p>private</p>"]);
    },
  },
  {
    title: "members learn the client's address, the scheme and the name that was asked for",
    shows: ["forwarded-headers"],
    async run(bench) {
      const forward = ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "forwarded"] as const;
      await bench.serve({ members: ["one"], site: { forward } });
      const from = bench.client(7);
      await bench.ask("/", { from });
      const one = bench.at("one");
      deepEqual(lastHeader(one, "host"), [HOST]);
      deepEqual(lastHeader(one, "x-forwarded-for"), [from]);
      deepEqual(lastHeader(one, "x-real-ip"), [from]);
      deepEqual(lastHeader(one, "x-forwarded-proto"), ["http"]);
      match(lastHeader(one, "forwarded").join(), new RegExp(`^for="?${from}"?(;.*)?;proto=http(;.*)?$`));
      bench.change({ site: { forward: [] } });
      await bench.apply();
      await bench.ask("/", { from });
      deepEqual(
        ["x-forwarded-for", "x-real-ip", "forwarded"].flatMap((name) => lastHeader(one, name)),
        [],
      );
    },
  },
  {
    title: "headers that pretend to come from a proxy are dropped, unless that proxy is trusted",
    shows: ["forwarded-headers", "trusted-proxies"],
    async run(bench) {
      const forward = ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "forwarded"] as const;
      await bench.serve({ members: ["one"], site: { forward }, balancer: { trusted: [`${bench.client(9)}/32`] } });
      const headers = {
        "X-Forwarded-For": "192.0.2.66",
        "X-Real-IP": "192.0.2.66",
        "X-Forwarded-Proto": "https",
        Forwarded: "for=192.0.2.66;proto=https",
      };
      const one = bench.at("one");
      await bench.ask("/", { from: bench.client(8), headers });
      deepEqual(lastHeader(one, "x-forwarded-for"), [bench.client(8)]);
      deepEqual(lastHeader(one, "x-real-ip"), [bench.client(8)]);
      deepEqual(lastHeader(one, "x-forwarded-proto"), ["http"]);
      ok(!lastHeader(one, "forwarded").join().includes("192.0.2.66"));
      await bench.ask("/", { from: bench.client(9), headers });
      const chain = lastHeader(one, "x-forwarded-for").join(", ");
      match(chain, new RegExp(`^192\\.0\\.2\\.66, ?${bench.client(9)}$`));
      deepEqual(lastHeader(one, "x-real-ip"), ["192.0.2.66"]);
      deepEqual(lastHeader(one, "x-forwarded-proto"), ["https"]);
    },
  },
  {
    title: "headers that are not forwarded are still dropped when a stranger sends them",
    shows: ["forwarded-headers"],
    async run(bench) {
      await bench.serve({ members: ["one"], site: { forward: [] } });
      const headers = { "X-Forwarded-For": "192.0.2.66", "X-Real-IP": "192.0.2.66", Forwarded: "for=192.0.2.66" };
      await bench.ask("/", { headers });
      const names = ["x-forwarded-for", "x-real-ip", "forwarded"];
      deepEqual(
        names.flatMap((name) => lastHeader(bench.at("one"), name)),
        [],
      );
    },
  },
  {
    title: "headers of requests and answers are set and removed as the site says",
    shows: ["header-rules"],
    async run(bench) {
      await bench.serve({
        members: ["one"],
        site: {
          requestHeaders: [
            { name: "X-Cluster", value: ODD_VALUE },
            { name: "X-Secret", value: undefined },
          ],
          responseHeaders: [
            { name: "Strict-Transport-Security", value: "max-age=600" },
            { name: "X-Body-Bytes", value: undefined },
          ],
        },
      });
      const { headers } = await bench.ask("/", { headers: { "x-secret": "1", "x-cluster": "spoofed" } });
      deepEqual(lastHeader(bench.at("one"), "x-cluster"), [ODD_VALUE]);
      deepEqual(lastHeader(bench.at("one"), "x-secret"), []);
      deepEqual([headers["strict-transport-security"], headers["x-body-bytes"]], ["max-age=600", undefined]);
    },
  },
  {
    title: "each request is logged, beginning with the client's address, the real one behind a trusted proxy",
    shows: ["access-log", "trusted-proxies"],
    async run(bench) {
      const trusted = [`${bench.client(9)}/32`];
      await bench.serve({ balancer: { accessLog: { kind: "syslog" }, trusted } });
      const real = `192.0.2.${bench.number}`;
      await bench.ask("/first", { from: bench.client(5) });
      await bench.ask("/second", { from: bench.client(9), headers: { "X-Forwarded-For": real } });
      await bench.ask("/third", { from: bench.client(5), headers: { "X-Forwarded-For": real } });
      const lines = await until("three lines", () => (bench.logged.length >= 3 ? bench.logged : undefined));
      deepEqual(
        lines.map((line) => [/^[^ :]+/.exec(line)?.[0], /\/(first|second|third)/.exec(line)?.[1]]),
        [
          [bench.client(5), "first"],
          [real, "second"],
          [bench.client(5), "third"],
        ],
      );
    },
  },
  {
    title: "a log file of its own holds each request, beginning with the client's address",
    shows: ["access-log-file"],
    async run(bench) {
      const path = bench.file("access.log", "");
      await bench.serve({ balancer: { accessLog: { kind: "file", path } } });
      await bench.ask("/first", { from: bench.client(5) });
      const line = await until("a line", () => bench.read("access.log").split("\n")[0] || undefined);
      ok(line.startsWith(`${bench.client(5)} `) && line.includes("/first"), line);
    },
  },
  {
    title: "a site without an access log is not in it, and neither are checks that pass through",
    shows: ["access-log", "quiet-checks"],
    async run(bench) {
      const listen = [{ addresses: [bench.vip, bench.vip6], port: HTTP, tls: false }];
      const silent = siteOf("silent.test", { listen, accessLog: false });
      const accessLog = { kind: "syslog" } as const;
      await bench.serve({ pool: { check: CHECK }, sites: [silent], balancer: { accessLog } });
      const from = bench.client(5);
      await bench.ask("/check.txt", { method: "HEAD", from });
      // The same from a stranger is no check of ours.
      await bench.ask("/check.txt?stranger", { method: "HEAD", from: bench.vip });
      await bench.ask("/silent", { from, host: "silent.test" });
      await bench.ask("/last", { from });
      await until("the last line", () => bench.logged.some((line) => line.includes("/last")));
      const text = bench.logged.join("\n");
      ok(!text.includes("/silent"), "a site without a log was logged");
      deepEqual(text.match(/check.txt\S*/g), ["check.txt?stranger"]);
      bench.change({ site: { accessLog: false } });
      await bench.apply();
      const lines = bench.logged.length;
      await bench.ask("/nobody", { from });
      await bench.ask("/silent", { from, host: "silent.test" });
      await pause(LOG_MS);
      equal(bench.logged.length, lines, "there is still a log");
    },
  },
  {
    title: "answers of the listed types are compressed for those who take it",
    shows: ["compression"],
    async run(bench) {
      await bench.serve({ site: { compression: { types: ["text/html", "application/json"], minBytes: 0 } } });
      const encoding = async (path: string, accepted?: string): Promise<string | undefined> => {
        const headers = accepted === undefined ? {} : { "accept-encoding": accepted };
        return (await bench.ask(path, { headers })).headers["content-encoding"];
      };
      equal(await encoding("/text", "gzip"), "gzip");
      equal(await encoding("/text?type=application/json", "gzip, br"), "gzip");
      equal(await encoding("/text"), undefined);
      equal(await encoding("/text?type=image/png", "gzip"), undefined);
    },
  },
  {
    title: "small answers are not compressed",
    shows: ["compression-min-size"],
    async run(bench) {
      await bench.serve({ site: { compression: { types: ["text/html"], minBytes: 10_000 } } });
      const headers = { "accept-encoding": "gzip" };
      equal((await bench.ask("/text?bytes=20000", { headers })).headers["content-encoding"], "gzip");
      equal((await bench.ask("/text?bytes=5000", { headers })).headers["content-encoding"], undefined);
    },
  },
  {
    title: "a client above its rate gets 429 and nobody else does; it is served again later",
    shows: ["rate-limit"],
    async run(bench) {
      await bench.serve({ site: { rateLimit: { requests: 5, periodMs: 1_000, burst: 5 } } });
      const hurry = async (from: string): Promise<Record<number, number>> => {
        const statuses: Record<number, number> = {};
        const answers = await Promise.all(Array.from({ length: 40 }, () => bench.ask("/", { from })));
        for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
        return statuses;
      };
      const seen = await hurry(bench.client(1));
      ok((seen[200] ?? 0) >= 5 && (seen[200] ?? 0) <= 20, `let through ${JSON.stringify(seen)}`);
      equal((seen[200] ?? 0) + (seen[429] ?? 0), 40, JSON.stringify(seen));
      equal((await bench.ask("/", { from: bench.client(2) })).status, 200);
      await until("it is served again", async () => (await bench.ask("/", { from: bench.client(1) })).status === 200, {
        everyMs: 300,
      });
    },
  },
  {
    title: "any rate can be a limit",
    shows: ["rate-limit", "rate-limit-any"],
    async run(bench) {
      await bench.serve({ site: { rateLimit: { requests: 3, periodMs: 1_700, burst: 0 } } });
      const answers = await Promise.all(Array.from({ length: 10 }, () => bench.ask("/", { from: bench.client(1) })));
      const good = answers.filter(({ status }) => status === 200).length;
      ok(good >= 1 && good <= 6, `let ${good} through`);
      ok(answers.every(({ status }) => status === 200 || status === 429));
    },
  },
  {
    title: "of two sites that share a pool one can compress",
    shows: ["compression-apart"],
    async run(bench) {
      const listen = [{ addresses: [bench.vip, bench.vip6], port: HTTP, tls: false }];
      const b = siteOf("b.test", { listen });
      await bench.serve({ site: { compression: { types: ["text/html", "text/plain"], minBytes: 0 } }, sites: [b] });
      const encoding = async (host: string) =>
        (await bench.ask("/text?bytes=20000", { host, headers: { "accept-encoding": "gzip" } })).headers[
          "content-encoding"
        ];
      equal(await encoding("a.test"), "gzip");
      equal(await encoding("b.test"), undefined);
    },
  },
  {
    title: "sites that share a port can have error pages and clients' times of their own",
    shows: ["error-pages-apart", "client-timeout-apart"],
    async run(bench) {
      const page = (name: string) => [{ status: 413, path: bench.file(`${name}.html`, `<p>${name}</p>`) }];
      const listen = [{ addresses: [bench.vip, bench.vip6], port: HTTP, tls: false }];
      const timeouts = { clientMs: 20_000, serverMs: undefined, tunnelMs: undefined };
      const b = siteOf("b.test", { listen, errorPages: page("b"), bodyLimitBytes: 100, timeouts });
      await bench.serve({ site: { errorPages: page("a"), bodyLimitBytes: 100 }, sites: [b] });
      equal((await bench.ask("/", { body: 200 })).body, "<p>a</p>");
      equal((await bench.ask("/", { body: 200, host: "b.test" })).body, "<p>b</p>");
    },
  },
  {
    title: "the headers Server and Date can be set and removed like others",
    shows: ["server-header"],
    async run(bench) {
      const responseHeaders = [
        { name: "Server", value: "ours" },
        { name: "Date", value: undefined },
      ];
      await bench.serve({ site: { responseHeaders } });
      const { headers } = await bench.ask("/");
      deepEqual([headers["server"], headers["date"]], ["ours", undefined]);
    },
  },
  {
    title: "buffers have the sizes that the config says",
    shows: ["nginx-buffers"],
    async run(bench) {
      const buffers = bufferSizes({ headerBufferBytes: 4_096 });
      await bench.serve({ members: ["one"], balancer: { nginx: buffers } });
      equal((await bench.ask("/login?value=" + "v".repeat(3_000))).status, 200);
      equal((await bench.ask("/login?value=" + "v".repeat(6_000))).status, 502);
      bench.config = { ...bench.config, nginx: { ...buffers, headerBufferBytes: 16_384 } };
      await bench.apply();
      await until("larger ones", async () => (await bench.ask("/login?value=" + "v".repeat(6_000))).status === 200);
    },
  },
  {
    title: "a WebSocket passes, and may be silent for the tunnel's time but not longer",
    shows: ["websocket"],
    async run(bench) {
      const timeouts = { connectMs: 1_000, serverMs: 400, queueMs: 1_000, tunnelMs: 2_000 };
      await bench.serve({
        pool: { timeouts },
        site: { timeouts: { clientMs: 400, serverMs: undefined, tunnelMs: undefined } },
      });
      const socket = await WebSocketVisitor.open({ address: bench.vip, port: HTTP, host: HOST });
      await socket.echo("first");
      const saidMs = performance.now();
      await pause(1_200); // longer than the times of clients and members
      await socket.echo("second");
      await until("it is cut", () => socket.ended, { limitMs: 8_000 });
      ok(performance.now() - saidMs > 2_800, "cut before the tunnel's time");
    },
  },
  {
    title: "members' redirects and cookies pass unchanged",
    shows: ["host-routing"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      const { status, headers } = await bench.ask("/redirect?to=http://a.test:8000/x");
      deepEqual([status, headers["location"]], [302, "http://a.test:8000/x"]);
      deepEqual((await bench.ask("/login")).setCookies, ["SESSION=abc123; Path=/"]);
      deepEqual(lastHeader(bench.at("one"), "host"), [HOST]);
    },
  },
];
