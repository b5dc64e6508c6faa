/** Turns a lab's options into its plan, and writes every file that the plan speaks of. */

import { randomBytes } from "node:crypto";
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { labProgram } from "./child-observer.ts";
import { renderClusterFile } from "./cluster-file.ts";
import { labId } from "./directory.ts";
import { renderNginxConfig } from "./nginx-config.ts";
import {
  CLIENT,
  GATEWAY,
  GATEWAY6,
  labClusterFile,
  MEMBER_PORT,
  MOST_NODES,
  nodeCables,
  nodeNames,
  outsider,
  packageRoot,
  PUBLIC_VIP,
  PUBLIC_VIP6,
  STRANGER,
} from "./plan.ts";
import type { ForeignProgram, LabOptions, LabPlan, MemberPlan, PrivateDirectory, ProgramPlan } from "./plan.ts";

/** Where members see their own `etc` folder, so that the cluster file can be the same on all nodes. */
const MEMBER_ETC = "/run/lab";

/** Where a node's daemon finds and keeps its things; the same paths inside and outside of the member. */
export interface NodePaths {
  readonly directory: string;
  readonly clusterFile: string;
  readonly keyFile: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly daemonLog: string;
  readonly nginxDirectory: string;
  /** Of the web server behind a balancer; its check is the file `check.txt` here. */
  readonly webDirectory: string;
}

export function nodePaths(labDirectory: string, node: string): NodePaths {
  const directory = join(labDirectory, node);
  return {
    directory,
    clusterFile: join(directory, "etc/cluster.yaml"),
    keyFile: join(directory, "etc/cluster.key"),
    stateDirectory: join(directory, "state"),
    runtimeDirectory: join(directory, "run/understudy"),
    daemonLog: join(directory, "daemon.log"),
    nginxDirectory: join(directory, "nginx"),
    webDirectory: join(directory, "web"),
  };
}

/** Makes the plan and its files below `directory`. */
export function prepareLab(options: LabOptions, directory: string): LabPlan {
  const count = options.nodes ?? 2;
  if (!Number.isInteger(count) || count < 2 || count > MOST_NODES) {
    throw new Error(`a lab has 2 to ${MOST_NODES} nodes, not ${count}`);
  }
  const ipv6 = options.ipv6 ?? false;
  const privateLink = options.privateLink ?? true;
  // Workers of an engine are nobody special and must reach what is below; they need not list it.
  if (options.balancer !== undefined) chmodSync(directory, 0o711);
  const names = nodeNames(count);
  const key = randomBytes(32).toString("hex");
  const nodes = names.map((name, index) => {
    const paths = nodePaths(directory, name);
    writeNodeFiles({ name, names, paths, key, options });
    const member: MemberPlan = {
      name,
      directory: paths.directory,
      cables: nodeCables(name, index, { ipv6, privateLink }),
      routes: [`default via ${GATEWAY}`, ...(ipv6 ? [`default via ${GATEWAY6}`] : [])],
      binds: [
        { by: join(paths.directory, "run"), at: "/run" },
        { by: join(paths.directory, "etc"), at: MEMBER_ETC },
        ...foreignBinds(options, name, paths.directory),
      ],
      volatile: ["run"],
      ...(options.stateDiskBytes === undefined
        ? {}
        : { disk: { path: paths.stateDirectory, sizeBytes: options.stateDiskBytes } }),
      programs: [
        options.balancer === undefined ? nginxPlan(paths) : webPlan(name, paths),
        ...daemonPlan(options, names, name, paths),
      ],
    };
    return member;
  });
  const others = [outsider(directory, { name: CLIENT, host: 1, ipv6 })];
  if (options.stranger) others.push(outsider(directory, { name: STRANGER, host: 200, ipv6 }));
  for (const other of others) mkdirSync(other.directory, { recursive: true });
  const plan: LabPlan = {
    id: labId(directory),
    directory,
    socket: join(directory, "lab.sock"),
    ipv6,
    links: privateLink ? ["public", "private"] : ["public"],
    vips: ipv6 ? [PUBLIC_VIP, PUBLIC_VIP6] : [PUBLIC_VIP],
    keep: [packageRoot, dirname(process.execPath), directory],
    nodes,
    others,
    understudy: (options.program ?? "understudy") === "understudy",
    isBalanced: options.balancer !== undefined,
  };
  writeFileSync(join(directory, "plan.json"), JSON.stringify(plan, undefined, 2));
  return plan;
}

function writeNodeFiles({
  name,
  names,
  paths,
  key,
  options,
}: {
  name: string;
  names: readonly string[];
  paths: NodePaths;
  key: string;
  options: LabOptions;
}): void {
  for (const folder of [dirname(paths.clusterFile), paths.stateDirectory, paths.nginxDirectory, paths.webDirectory])
    mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(paths.nginxDirectory, "nginx.conf"),
    renderNginxConfig({ node: name, directory: paths.nginxDirectory }),
  );
  const file = labClusterFile({
    nodes: names,
    ipv6: options.ipv6 ?? false,
    privateLink: options.privateLink ?? true,
    key: join(MEMBER_ETC, "cluster.key"),
    balancer: options.balancer,
  });
  writeFileSync(join(paths.webDirectory, "check.txt"), "well\n");
  options.cluster?.(file, name);
  writeFileSync(paths.clusterFile, renderClusterFile(file));
  writeFileSync(paths.keyFile, `${key}\n`, { mode: 0o600 });
}

function nginxPlan(paths: NodePaths): ProgramPlan {
  const config = join(paths.nginxDirectory, "nginx.conf");
  return {
    name: "nginx",
    argv: ["nginx", "-p", paths.nginxDirectory, "-c", config, "-e", join(paths.nginxDirectory, "error.log")],
    environment: {},
    log: join(paths.nginxDirectory, "output.log"),
    matches: "nginx: ",
    onBoot: true,
  };
}

/** A web server behind the balancer. */
function webPlan(node: string, paths: NodePaths): ProgramPlan {
  const program = labProgram(new URL("./traffic/web-member.ts", import.meta.url));
  return {
    name: "web",
    argv: [process.execPath, program, node, String(MEMBER_PORT), paths.webDirectory],
    environment: {},
    log: join(paths.webDirectory, "output.log"),
    matches: "web-member.",
    onBoot: true,
  };
}

function daemonPlan(
  options: LabOptions,
  names: readonly string[],
  name: string,
  paths: NodePaths,
): readonly ProgramPlan[] {
  const program = options.program ?? "understudy";
  if (program === "none") return [];
  const shared = { name: "daemon" as const, log: paths.daemonLog, onBoot: options.startDaemons ?? true };
  if (typeof program === "object") {
    return [{ ...shared, argv: program.argv(name), matches: program.matches, environment: { ...options.environment } }];
  }
  const argv = [
    ...["daemon", "--config", paths.clusterFile, "--node", name],
    ...["--state-dir", paths.stateDirectory, "--runtime-dir", paths.runtimeDirectory],
  ];
  if (program === "stand-in") {
    const addresses = Object.fromEntries(names.map((one, index) => [one, `192.0.2.${11 + index}`]));
    const environment = { STAND_IN_NODES: JSON.stringify(addresses), STAND_IN_VIP: PUBLIC_VIP, ...options.environment };
    return [
      {
        ...shared,
        argv: [process.execPath, labProgram(new URL("./fixtures/stand-in-daemon.ts", import.meta.url)), ...argv],
        matches: " daemon --config ",
        environment,
      },
    ];
  }
  return [
    {
      ...shared,
      argv: [join(packageRoot, "bin/understudy"), ...argv],
      matches: " daemon --config ",
      environment: { UNDERSTUDY_NODE: process.execPath, UNDERSTUDY_LAB_FAULTS: "1", ...options.environment },
    },
  ];
}

/** The folders that a foreign program sees as its own, filled. */
function foreignBinds(options: LabOptions, node: string, directory: string): MemberPlan["binds"] {
  const program = options.program;
  if (typeof program !== "object") return [];
  return program.directories(node).map((one) => ({ by: fillDirectory(one, program, directory), at: one.path }));
}

function fillDirectory(wanted: PrivateDirectory, program: ForeignProgram, directory: string): string {
  if (!existsSync(wanted.path)) throw new Error(`${wanted.path} does not exist: is ${program.matches} installed?`);
  const by = join(directory, "own", wanted.path);
  mkdirSync(by, { recursive: true });
  if (wanted.copy) cpSync(wanted.path, by, { recursive: true, verbatimSymlinks: true });
  for (const [name, { content, mode = 0o644 }] of Object.entries(wanted.files ?? {})) {
    const path = join(by, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, mode);
  }
  return by;
}
