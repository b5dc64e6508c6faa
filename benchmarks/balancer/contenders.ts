/**
 * Everybody whose requests per second are compared: the web server asked directly, HAProxy and nginx with files written by
 * hand, and the same two engines as Understudy runs them, made from one cluster file by its own renderers and drivers.
 */

import { execFileSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineName } from "../../src/core/config/balancer.ts";
import { until } from "../../src/lab/clock.ts";

import { clusterFile } from "./cluster-file.ts";
import { handWrittenHaproxy, handWrittenNginx, webServer } from "./hand-written.ts";
import type { Site } from "./hand-written.ts";
import { family } from "./load.ts";
import { OurEngine } from "./our-engine.ts";
import { ADDRESSES, ROOM, runAt, startAt, writeInRoom } from "./wire.ts";

export type ContenderName =
  | "direct"
  | "haproxy by hand"
  | "haproxy by us"
  | "nginx by hand"
  | "nginx by us"
  /** As by hand, but a request that was sent to a dying member is lost. */
  | "haproxy, no repeats";

export interface Contender {
  readonly name: ContenderName;
  /** What stands before the path, for a scheme. */
  readonly origin: (isTls: boolean) => string;
  /** Processes that carry its traffic now. */
  readonly pids: () => readonly number[];
}

const WEB_PORT = 8000;
const [, HAND_HAPROXY, OUR_HAPROXY, HAND_NGINX, OUR_NGINX, PLAIN_HAPROXY] = ADDRESSES.balancer;
const MEMBERS = ADDRESSES.web.map((address, index) => ({ name: `srv${index + 1}`, address, port: WEB_PORT }));

/** A certificate of today's usual kind for the site; certificate and key in one file. */
function makeCertificate(): string {
  const [key, certificate] = [join(ROOM, "site.key"), join(ROOM, "site.crt")];
  const subject = ["-subj", "/CN=example.com", "-addext", "subjectAltName=DNS:example.com,DNS:www.example.com"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", certificate], {
    stdio: "pipe",
  });
  return writeInRoom("site.pem", readFileSync(certificate, "utf8") + readFileSync(key, "utf8"), 0o600);
}

/** Starts the web server and all balancers, and waits until each serves. */
export async function startContenders(): Promise<readonly Contender[]> {
  for (const folder of ["site", "tmp"]) mkdirSync(join(ROOM, folder), { recursive: true });
  writeInRoom("site/1k", "x".repeat(1_024));
  writeInRoom("site/100k", "x".repeat(102_400));
  writeInRoom("site/check.txt", "ok\n");
  startLog();
  const certificate = makeCertificate();
  const site = (address: string): Site => ({ address, members: MEMBERS, certificate });
  startNginx("web", "web", webServer(ADDRESSES.web, WEB_PORT, certificate));
  const byHand = [
    standing("haproxy by hand", HAND_HAPROXY, startHaproxy("hand-haproxy", site(HAND_HAPROXY), true)),
    standing("haproxy, no repeats", PLAIN_HAPROXY, startHaproxy("plain-haproxy", site(PLAIN_HAPROXY), false)),
    standing("nginx by hand", HAND_NGINX, startNginx("balancer", "hand-nginx", handWrittenNginx(site(HAND_NGINX)))),
  ];
  const byUs = [await startOurs("haproxy", site(OUR_HAPROXY)), await startOurs("nginx", site(OUR_NGINX))];
  const direct: Contender = {
    name: "direct",
    origin: (isTls) => `${isTls ? "https" : "http"}://${ADDRESSES.web[0]}:${isTls ? WEB_PORT + 443 : WEB_PORT}`,
    pids: () => [],
  };
  const all = [direct, ...byHand, ...byUs];
  for (const contender of all) await answers(contender);
  return all;
}

function standing(name: ContenderName, address: string, child: ChildProcess): Contender {
  return {
    name,
    origin: (isTls) => `${isTls ? "https" : "http"}://${address}`,
    pids: () => (child.pid === undefined ? [] : family(child.pid)),
  };
}

/** The engine by our own driver, from a cluster file. */
async function startOurs(engine: EngineName, site: Site): Promise<Contender> {
  const ours = new OurEngine(engine, `our-${engine}`);
  const { pid } = await ours.ask({ do: "apply", file: writeInRoom(`our-${engine}.yaml`, clusterFile(engine, site)) });
  return {
    name: `${engine} by us`,
    origin: (isTls) => `${isTls ? "https" : "http"}://${site.address}`,
    pids: () => (pid === undefined ? [] : family(pid)),
  };
}

function startHaproxy(name: string, site: Site, isRepeating: boolean): ChildProcess {
  const file = writeInRoom(`${name}.cfg`, handWrittenHaproxy(site, { socket: name, isRepeating }));
  return startAt("balancer", name, ["haproxy", "-W", "-db", "-f", file]);
}

function startNginx(place: "balancer" | "web", name: string, config: string): ChildProcess {
  const file = writeInRoom(`${name}.conf`, config);
  return startAt(place, name, ["nginx", "-p", ROOM, "-c", file, "-g", "daemon off;"]);
}

/** What listens on /dev/log, as on any machine: without a listener, logging would be cheaper than it is. */
function startLog(): void {
  const script =
    "use Socket; socket(S,AF_UNIX,SOCK_DGRAM,0)||die; bind(S,sockaddr_un($ARGV[0]))||die; while(1){recv(S,$b,8192,0)}";
  startAt("web", "log", ["perl", "-e", script, "/dev/log"]);
}

/** Waits until a contender answers both schemes with a page. */
async function answers({ name, origin }: Contender): Promise<void> {
  for (const isTls of [false, true]) {
    const url = `${origin(isTls)}/1k`;
    const asked = ["curl", "-sk", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: example.com", url];
    let last = "";
    const isServed = (): boolean => {
      try {
        last = runAt("client", asked);
      } catch (error) {
        last = (error as Error).message;
      }
      return last === "200";
    };
    await until(`${name} answers ${url}`, isServed, { limitMs: 15_000, everyMs: 100 }).catch((error: Error) => {
      throw new Error(`${error.message}; last: ${last}`);
    });
  }
}
