/**
 * Shows legal balancers to the real engine, in a network and mount namespace of its own because some engines bind
 * while they check. Asked over its standard input and output: `check {engine, seed, runs}`.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { wantedOf } from "../../src/core/balancer/wanted.ts";
import type { EngineName } from "../../src/core/config/balancer.ts";
import { parseCluster } from "../../src/core/config/parse.ts";
import { createEngine } from "../../src/daemon/balancer/engines.ts";
import { LineChannel } from "../../src/lab/line-channel.ts";
import { drawnBalancers } from "./legal-balancers.ts";

/** A file system of its own, gone with the namespace. */
const FOLDER = "/run";
const FILES = {
  certificate: `${FOLDER}/both.pem`,
  errorPage: `${FOLDER}/page.html`,
  password: `${FOLDER}/password`,
  folder: `${FOLDER}/www`,
};
const AROUND = {
  cluster: "web",
  nodes: {
    srv1: { address: "192.0.2.11", links: ["2001:db8::11"] },
    srv2: { address: "192.0.2.12", links: ["2001:db8::12"] },
  },
  groups: { www: { resources: [{ vip: "192.0.2.10/24" }, { vip: "2001:db8::10/64" }] } },
};

execFileSync("ip", ["link", "set", "lo", "up"]);
// nginx keeps large bodies in a cache folder of the machine, which would not be gone.
for (const folder of [FOLDER, "/var/cache"]) execFileSync("mount", ["-t", "tmpfs", "none", folder]);
makeFiles();
const channel = new LineChannel(process.stdin, process.stdout, async (method, params) => {
  if (method !== "check") throw new Error(`nobody does ${method} here`);
  const { engine, seed, runs } = params as { engine: EngineName; seed: number; runs: number };
  return await checkMany(engine, seed, runs);
});
await channel.closed;
process.exit(0);

/** How many were legal, and the first that the engine refused. */
async function checkMany(name: EngineName, seed: number, runs: number) {
  const directory = `${FOLDER}/${name}`;
  const engine = await createEngine(name, { directory, run: "child", log: () => {} });
  const probed = await engine.probe();
  if (!probed.ok) throw new Error(probed.problems.map(({ message }) => message).join());
  let legal = 0;
  for (const balancer of fc.sample(drawnBalancers(name, FILES), { seed, numRuns: runs })) {
    const parsed = parseCluster(JSON.stringify({ ...AROUND, balancer }), "cluster.yaml");
    const config = parsed.ok ? parsed.value.config.balancer : undefined;
    if (config === undefined) continue;
    legal++;
    const checked = await engine.check(wantedOf(config));
    if (!checked.ok) return { legal, refused: { problems: checked.problems, balancer } };
  }
  return { legal };
}

function makeFiles(): void {
  mkdirSync(FILES.folder);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${FOLDER}/key.pem`];
  const certificate = ["-out", `${FOLDER}/certificate.pem`, "-days", "9", "-subj", "/CN=s0.com"];
  execFileSync("openssl", ["req", "-x509", ...key, ...certificate], { stdio: "pipe" });
  const both = ["certificate", "key"].map((part) => readFileSync(`${FOLDER}/${part}.pem`, "utf8")).join("");
  writeFileSync(FILES.certificate, both, { mode: 0o600 });
  writeFileSync(FILES.errorPage, "<h1>busy</h1>\n");
  writeFileSync(FILES.password, "secret\n", { mode: 0o600 });
}
