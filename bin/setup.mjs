#!/usr/bin/env node
/**
 * Set-up, then the work: every script of package.json comes through here. A clone on a fresh Debian needs
 * nothing but some Node (18 or newer) and npm: this file fetches the npm packages (a current Node among
 * them) and the Debian packages, says nothing when all is there, and starts the requested work.
 *
 * Plain JavaScript without dependencies, because it runs before anything is installed and on an old Node.
 * It must never start, stop or change a service of this machine.
 */

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const stampFile = join(modules, ".understudy-setup");
const NEEDED_NODE = 24;

/** A program that the lab runs, the Debian package that brings it, and the unit that package would enable. */
const LAB_PROGRAMS = [
  { program: "nginx", debian: "nginx", unit: "nginx.service" },
  { program: "haproxy", debian: "haproxy", unit: "haproxy.service" },
  { program: "openssl", debian: "openssl" },
  { program: "curl", debian: "curl" },
  { program: "nft", debian: "nftables" },
  { program: "ip", debian: "iproute2" },
  { program: "arping", debian: "iputils-arping" },
  { program: "ping", debian: "iputils-ping" },
  { program: "tcpdump", debian: "tcpdump" },
  { program: "ps", debian: "procps" },
  { program: "unshare", debian: "util-linux" },
  { program: "faketime", debian: "faketime" },
];
const BENCHMARK_PROGRAMS = [
  { program: "keepalived", debian: "keepalived", unit: "keepalived.service" },
  { program: "cl_status", debian: "heartbeat", unit: "heartbeat.service" },
];
const LOAD_PROGRAMS = [{ program: "wrk", debian: "wrk" }];

/** What each script does: the programs it needs and the work itself, which answers an exit code. */
const WORK = {
  start: { programs: LAB_PROGRAMS, run: (args) => runSource("src/lab/start.ts", args) },
  test: { programs: LAB_PROGRAMS, run: test },
  "test:long": { programs: LAB_PROGRAMS, run: (args) => runTool("vitest", ["run", ...args], { UNDERSTUDY_LONG: "1" }) },
  check: { programs: [], run: check },
  format: { programs: [], run: (args) => runTool("biome", ["format", "--write", ...args]) },
  build: { programs: [], run: build },
  lock: { programs: [], run: async () => (await import("./lock.mjs")).lock(root) },
  docs: { programs: [], run: (args) => runSource("docs/generate.ts", args) },
  sim: { programs: [], run: (args) => runSource("src/sim/main.ts", args) },
  "sim:mutants": { programs: [], run: (args) => runSource("src/sim/mutants/main.ts", args) },
  chaos: { programs: LAB_PROGRAMS, run: (args) => runSource("src/lab/chaos/main.ts", args) },
  "show:balancer": { programs: LAB_PROGRAMS, run: showBalancer },
  "bench:balancer": {
    programs: [...LAB_PROGRAMS, ...LOAD_PROGRAMS],
    run: (args) => runSource("benchmarks/balancer.ts", args),
  },
  "bench:sim": { programs: [], run: (args) => runSource("benchmarks/sim-speed.ts", args) },
  "bench:failover": {
    programs: [...LAB_PROGRAMS, ...BENCHMARK_PROGRAMS],
    run: (args) => runSource("benchmarks/failover.ts", args),
  },
};

await main(process.argv[2], process.argv.slice(3));

async function main(name, args) {
  const work = Object.hasOwn(WORK, name ?? "") ? WORK[name] : undefined;
  if (work === undefined) {
    say(`unknown work "${name ?? ""}"; known: ${Object.keys(WORK).join(", ")}`);
    process.exitCode = 2;
    return;
  }
  if (!installNpmPackages() || !hasCurrentNode()) {
    process.exitCode = 1;
    return;
  }
  installDebianPackages(work.programs);
  process.exitCode = await work.run(args);
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}

// ---- npm ---------------------------------------------------------------------------------------------------

/** Runs `npm ci` when the packages are missing or the lockfile is another one than that of the last time. */
function installNpmPackages() {
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8").trim() === wanted) return true;
  say("installing npm packages (about 420 MB on disk, once) …");
  // No package here needs its install script: native parts come prebuilt, Node itself as node-linux-*.
  const ended = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (ended.status !== 0) {
    say(`npm ci failed (${ended.error?.message ?? `exit code ${ended.status}`}); is the npm registry reachable?`);
    return false;
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stampFile, `${wanted}\n`);
  return true;
}

/** The Node that runs everything else: npm's, or this very one where npm has none for the machine. */
function currentNode() {
  const link = join(modules, ".bin/node");
  const own = `node-linux-${process.arch}/bin/node`;
  // npm before 11 forgets the link: it cleans up after the package of the other processor, which has the same.
  if (!existsSync(link) && existsSync(join(modules, own))) symlinkSync(`../${own}`, link);
  return existsSync(link) ? link : process.execPath;
}

function hasCurrentNode() {
  const node = currentNode();
  if (node !== process.execPath) return true;
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_NODE) return true;
  say(`Node ${NEEDED_NODE} or newer is needed and npm brings none for ${process.platform}/${process.arch}: install it`);
  return false;
}

// ---- Debian ------------------------------------------------------------------------------------------------

function hasProgram(program) {
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
  ];
  return folders.some((folder) => folder !== "" && existsSync(join(folder, program)));
}

/** Installs what is missing when root; otherwise names the command. A failure is told, and the work goes on. */
function installDebianPackages(programs) {
  const missing = programs.filter(({ program }) => !hasProgram(program));
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  const names = missing.map(({ program }) => program).join(", ");
  if (!hasProgram("apt-get")) {
    say(`missing programs: ${names}; this is no Debian, so install them yourself`);
    return;
  }
  if (process.getuid?.() !== 0) {
    say(
      `missing programs: ${names}; install them with\n  sudo apt-get install -y --no-install-recommends ${packages.join(" ")}`,
    );
    return;
  }
  say(`installing Debian packages (no service is started): ${packages.join(" ")} …`);
  const refuse = refuseServiceStarts();
  try {
    if (!aptListsAreThere()) apt(["update"]);
    if (!install(packages)) {
      apt(["update"]);
      if (!install(packages)) say(`apt-get could not install ${packages.join(" ")}; going on without`);
    }
  } finally {
    refuse.end();
  }
  keepFromBoot(missing);
}

function install(packages) {
  return apt(["install", "-y", "--no-install-recommends", ...packages]);
}

function apt(args) {
  const ended = spawnSync("apt-get", ["-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1" },
  });
  if (ended.status === 0) return true;
  const output = `${ended.stdout ?? ""}${ended.stderr ?? ""}`.trim().split("\n").slice(-8);
  say([`apt-get ${args[0]} failed:`, ...output].join("\n  "));
  return false;
}

function aptListsAreThere() {
  try {
    return readdirSync("/var/lib/apt/lists").some((name) => name.includes("_Packages"));
  } catch {
    return false;
  }
}

/**
 * Debian's maintainer scripts start a service at once unless `policy-rc.d` answers 101. An administrator's own
 * policy is left alone; ours is removed at the end, also when the user interrupts us.
 */
function refuseServiceStarts() {
  const file = "/usr/sbin/policy-rc.d";
  const text = "#!/bin/sh\n# temporary, by the set-up of understudy: installing packages starts nothing\nexit 101\n";
  const isOurs = existsSync(file) && readFileSync(file, "utf8") === text;
  if (existsSync(file) && !isOurs) return { end() {} };
  writeFileSync(file, text, { mode: 0o755 });
  const end = () => rmSync(file, { force: true });
  // spawnSync keeps these from running before apt-get has ended too, which is right: it got the signal as well.
  const interrupted = () => process.exit(130);
  process.on("exit", end);
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  return {
    end() {
      end();
      process.off("exit", end);
      process.off("SIGINT", interrupted);
      process.off("SIGTERM", interrupted);
    },
  };
}

/** Packages that we brought for the lab must not open ports at the next boot. */
function keepFromBoot(installed) {
  const units = installed.flatMap(({ unit }) => (unit === undefined ? [] : [unit]));
  if (units.length === 0 || !hasProgram("systemctl")) return;
  spawnSync("systemctl", ["disable", "--quiet", ...units], { stdio: "ignore" });
}

// ---- work --------------------------------------------------------------------------------------------------

/** Runs a program in the foreground and answers its exit code; the child decides what a signal means. */
function run(command, args, environment = {}) {
  return new Promise((resolve) => {
    const path = [join(modules, ".bin"), process.env.PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);
    const child = spawn(command, args, {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, ...environment, PATH: path },
    });
    // The terminal sends Ctrl-C to the whole foreground group, so it is passed on only where there is no terminal.
    const passOn = (signal) => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, passOn);
    child.on("error", (error) => {
      say(`${command} cannot be started: ${error.message}`);
      resolve(127);
    });
    child.on("exit", (code, signal) => {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(name, passOn);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

function runSource(file, args) {
  if (!existsSync(join(root, file))) {
    say(`${file} is not part of this copy`);
    return 1;
  }
  return run(currentNode(), [join(root, file), ...args]);
}

function runTool(tool, args, environment) {
  return run(join(modules, ".bin", tool), args, environment);
}

/** Lint and types, one after the other, both always. */
async function check() {
  const lint = await runTool("oxlint", ["--type-aware", "--deny-warnings"]);
  const types = await runTool("tsc", ["-p", "tsconfig.json"]);
  const coreTypes = await runTool("tsc", ["-p", "tsconfig.core.json"]);
  const format = await runTool("biome", ["format", "--log-level=error"]);
  const failed = [lint, types, coreTypes, format].filter((code) => code !== 0).length;
  const verdict = failed === 0 ? "clean" : `${failed} of 4 failed (\`npm run format\` mends the format)`;
  process.stderr.write(`lint, types and format: ${verdict}\n`);
  return failed === 0 ? 0 : 1;
}

/** Everything; with arguments only vitest, which gets them: `npm test -- src/core`. */
async function test(args) {
  if (args.length > 0) return runTool("vitest", ["run", ...args]);
  const checked = await check();
  const tested = await runTool("vitest", ["run"]);
  return checked !== 0 ? checked : tested;
}

/** The balancer under a full minute of load, with everything that may happen to it; a short one is part of the tests. */
function showBalancer(args) {
  const load = { UNDERSTUDY_BALANCER_MS: "60000", UNDERSTUDY_BALANCER_RATE: "2000", UNDERSTUDY_BALANCER_RELOADS: "50" };
  return runTool("vitest", ["run", "--project", "lab", "src/lab/scenarios/balancer-load", ...args], load);
}

/** Compiled JavaScript in dist/, for the published package. */
async function build() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  return runTool("tsc", ["-p", "tsconfig.build.json"]);
}
