/** TLS at the balancer: whose certificate, which protocol, and what happens when a certificate changes. */

import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:tls";
import type { SecureVersion } from "node:tls";
import { until } from "../../../src/lab/clock.ts";
import { describeFailures } from "../../../src/lab/traffic/request-load.ts";
import type { ListenConfig, TlsConfig } from "../../../src/core/config/balancer.ts";
import type { Behaviour } from "../behaviour.ts";
import { HOST, HTTP, HTTPS } from "../bench.ts";
import type { Bench } from "../bench.ts";
import { joinFiles, makeCertificate } from "../../../src/lab/traffic/certificates.fixture.ts";

function secure(bench: Bench): ListenConfig[] {
  return [{ addresses: [bench.vip, bench.vip6], port: HTTPS, tls: true }];
}

function tlsOf(certificates: TlsConfig["certificates"], parts: Partial<TlsConfig> = {}): TlsConfig {
  return { certificates, http2: true, minVersion: "1.2", ...parts };
}

/** Shakes hands with one version only; answers the protocol that was agreed on by ALPN. */
function shake(bench: Bench, version: SecureVersion, protocols: string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    // Old versions need weak signatures, which our own library would refuse before the server can.
    const ciphers = "DEFAULT@SECLEVEL=0";
    const versions = { minVersion: version, maxVersion: version, ciphers, ALPNProtocols: protocols };
    const socket = connect({ host: bench.vip, port: HTTPS, servername: HOST, rejectUnauthorized: false, ...versions });
    socket.on("error", (error: NodeJS.ErrnoException) => reject(new Error(error.code ?? error.message)));
    socket.on("secureConnect", () => {
      resolve(`${socket.getProtocol()} ${socket.alpnProtocol || "none"}`);
      socket.destroy();
    });
  });
}

/** One request by HTTP/2. */
function askHttp2(bench: Bench): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://${bench.vip}:${HTTPS}`, { servername: HOST, rejectUnauthorized: false });
    session.on("error", reject);
    const asking = session.request({ ":path": "/", ":authority": HOST });
    asking.on("response", (headers) => {
      resolve(`${headers[":status"]} ${String(headers["x-member"])}`);
      session.destroy();
    });
    asking.on("error", reject);
  });
}

export const TLS: readonly Behaviour[] = [
  {
    title: "the name that a client asks for decides the certificate; without one it gets the first",
    shows: ["tls"],
    async run(bench) {
      const first = makeCertificate(bench.directory, "first", "first", [HOST]);
      const second = makeCertificate(bench.directory, "second", "second", ["b.test", "*.c.test"]);
      const certificate = joinFiles(bench.directory, "second", second);
      const tls = tlsOf([first, { certificate, key: undefined }]);
      await bench.serve({ site: { listen: secure(bench), tls, names: [HOST, "b.test"], wildcards: ["*.c.test"] } });
      const whose = async (name: string) =>
        (await bench.ask("/", { port: HTTPS, tls: { servername: name }, host: name || HOST })).certificate;
      deepEqual([await whose(HOST), await whose("b.test"), await whose("x.c.test")], ["first", "second", "second"]);
      equal(await whose(""), "first");
    },
  },
  {
    title: "HTTP/2 is spoken where the site wants it; old TLS is refused",
    shows: ["tls", "http2"],
    async run(bench) {
      const tls = tlsOf([makeCertificate(bench.directory, "one", "one", [HOST])]);
      await bench.serve({ members: ["one"], site: { listen: secure(bench), tls } });
      equal(await askHttp2(bench), "200 one");
      equal(await shake(bench, "TLSv1.3", ["h2", "http/1.1"]), "TLSv1.3 h2");
      equal(await shake(bench, "TLSv1.2", ["http/1.1"]), "TLSv1.2 http/1.1");
      await rejects(shake(bench, "TLSv1.1"), /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ECONNRESET/);
      bench.change({ site: { tls: { ...tls, http2: false, minVersion: "1.3" } } });
      await bench.apply();
      await until(
        "the new listener",
        async () => (await shake(bench, "TLSv1.3", ["h2", "http/1.1"])) === "TLSv1.3 http/1.1",
      );
      await rejects(shake(bench, "TLSv1.2"), /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ECONNRESET/);
    },
  },
  {
    title: "members are told that it was https, and plain requests are sent there",
    shows: ["tls", "redirects", "forwarded-headers"],
    async run(bench) {
      const tls = tlsOf([makeCertificate(bench.directory, "one", "one", [HOST])]);
      const listen = [{ addresses: [bench.vip], port: HTTP, tls: false }, ...secure(bench)];
      await bench.serve({ members: ["one"], site: { listen, tls, redirectToHttps: 301, names: [HOST, "www.a.test"] } });
      const plain = await bench.ask("/x?y=z", { host: "www.a.test" });
      deepEqual([plain.status, plain.headers["location"]], [301, "https://www.a.test/x?y=z"]);
      equal((await bench.ask("/", { port: HTTPS, tls: {} })).status, 200);
      const { headers = [] } = bench.at("one").received.at(-1) ?? {};
      deepEqual(
        headers.filter(([name]) => name === "x-forwarded-proto"),
        [["x-forwarded-proto", "https"]],
      );
    },
  },
  {
    title: "a certificate that was replaced on disk is used without a lost request",
    shows: ["tls", "hitless-reload"],
    async run(bench) {
      const make = (subject: string) => makeCertificate(bench.directory, "one", subject, [HOST]);
      await bench.serve({ site: { listen: secure(bench), tls: tlsOf([make("before")]) } });
      const load = bench.load({ port: HTTPS, tls: true, perSecond: 60 });
      await until("traffic", () => load.report().answered > 30);
      for (const subject of ["second", "third"]) {
        make(subject);
        await bench.apply();
        await until(
          "the new one",
          async () => (await bench.ask("/", { port: HTTPS, tls: {} })).certificate === subject,
        );
      }
      equal(describeFailures(await load.stop()), "none failed");
    },
  },
  {
    title: "a certificate that does not fit its key, or is missing, changes nothing and is named",
    shows: ["tls"],
    async run(bench) {
      const good = makeCertificate(bench.directory, "one", "good", [HOST]);
      const other = makeCertificate(bench.directory, "other", "other", [HOST]);
      await bench.serve({ site: { listen: secure(bench), tls: tlsOf([good]) } });
      const wrong = { certificate: good.certificate, key: other.key };
      for (const one of [
        wrong,
        { certificate: bench.file("empty.crt", ""), key: good.key },
        { certificate: `${bench.directory}/none.crt`, key: undefined },
      ]) {
        bench.change({ site: { tls: tlsOf([one]) } });
        await rejects(bench.apply(), (error: Error) => {
          match(error.message, new RegExp(one.certificate.replace(/^.*\//, "")));
          return true;
        });
        equal((await bench.ask("/", { port: HTTPS, tls: {} })).certificate, "good");
      }
    },
  },
];
