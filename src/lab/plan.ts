/**
 * What a lab shall look like, worked out completely before anything is started: names, addresses, hardware
 * addresses, folders, commands. A plan is plain JSON; the supervisor inside the namespaces reads it and decides
 * nothing.
 */

import { dirname, join } from "node:path";
import type { ClusterFile } from "./cluster-file.ts";

/** The two wires of a lab. The VIP lives on the public one. */
export type LinkName = "public" | "private";

/** Software that is not ours, for comparison in the same lab. */
export interface ForeignProgram {
  readonly kind: "foreign";
  /** Command of the daemon on this node; runs in the foreground, or forks and is found by `matches`. */
  argv(node: string): readonly string[];
  /** Text that occurs in the command lines (arguments joined by blanks) of all processes of the daemon. */
  readonly matches: string;
  /**
   * Folders of the machine that the member sees as its own, with these files in them. The folder must exist on
   * the machine; with `copy`, what lies in it is there too.
   */
  directories(node: string): readonly PrivateDirectory[];
}

export interface PrivateDirectory {
  readonly path: string;
  readonly copy?: boolean;
  readonly files?: Readonly<Record<string, { readonly content: string; readonly mode?: number }>>;
}

export interface LabOptions {
  /** 2 to 5; default 2. */
  readonly nodes?: number;
  /** Adds IPv6 addresses to all links and an IPv6 VIP; default false. */
  readonly ipv6?: boolean;
  /** A second wire between the nodes; default true. */
  readonly privateLink?: boolean;
  /** A further member on the public wire that belongs to nobody; default false. */
  readonly stranger?: boolean;
  /** What runs on the nodes beside nginx; default the real daemon. `stand-in` is a primitive of the lab's own tests. */
  readonly program?: "understudy" | "stand-in" | "none" | ForeignProgram;
  /**
   * The VIP's holder balances over web servers on all nodes, with this engine: they listen on port 8000, in the place
   * of nginx on port 80. Default: no balancer.
   */
  readonly balancer?: "haproxy" | "nginx";
  /** Changes the cluster file of a node before it is written. */
  readonly cluster?: (file: ClusterFile, node: string) => void;
  /** Further environment of the daemons. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Size of a disk of its own for each node's state, in memory, so that it can be full; default none. */
  readonly stateDiskBytes?: number;
  /** Start the daemons at once; default true. With false, `node.startDaemon()` does. */
  readonly startDaemons?: boolean;
}

/** One end of a cable: a device inside a member and its port on a bridge. */
export interface CablePlan {
  readonly link: LinkName;
  readonly device: string;
  readonly port: string;
  readonly mac: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

export interface ProgramPlan {
  readonly name: "nginx" | "web" | "daemon";
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly log: string;
  /** Text in the command lines of this program's processes. */
  readonly matches: string;
  /** Started when the member boots. */
  readonly onBoot: boolean;
}

export interface MemberPlan {
  readonly name: string;
  readonly directory: string;
  readonly cables: readonly CablePlan[];
  readonly routes: readonly string[];
  /** Folders of the machine (`at`) that are replaced by the member's own (`by`). */
  readonly binds: readonly { readonly by: string; readonly at: string }[];
  /** A disk of its own that survives loss of power, mounted here before the member boots. */
  readonly disk?: { readonly path: string; readonly sizeBytes: number };
  /** Emptied at every boot, as a memory file system would be. */
  readonly volatile: readonly string[];
  readonly programs: readonly ProgramPlan[];
}

export interface LabPlan {
  readonly id: string;
  readonly directory: string;
  readonly socket: string;
  readonly ipv6: boolean;
  readonly links: readonly LinkName[];
  readonly vips: readonly string[];
  /** Paths that must stay visible although a folder above them is replaced. */
  readonly keep: readonly string[];
  readonly nodes: readonly MemberPlan[];
  readonly others: readonly MemberPlan[];
  readonly understudy: boolean;
  /** Pages come from members behind a balancer, and so do not tell who holds the VIP. */
  readonly isBalanced: boolean;
}

/** Nodes that one lab can have. */
export const MOST_NODES = 5;
export const PUBLIC_VIP = "192.0.2.10";
export const PUBLIC_VIP6 = "2001:db8:2::10";
export const GATEWAY = "192.0.2.1";
export const GATEWAY6 = "2001:db8:2::1";
/** Name of the member that asks for pages and is the public wire's gateway. */
export const CLIENT = "client";
export const STRANGER = "stranger";
/** Where web servers behind a balancer listen. */
export const MEMBER_PORT = 8000;

/** A file to be written before the lab starts. */
export interface PlannedFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

export function bridgeName(link: LinkName): string {
  return `br-${link}`;
}

/** Hardware address of a bridge itself, from which observers ask. */
export function bridgeMac(link: LinkName): string {
  return mac(link, 0xff);
}

function mac(link: LinkName, host: number): string {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return `02:75:73:00:${hex(link === "public" ? 0 : 1)}:${hex(host)}`;
}

export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `srv${index + 1}`);
}

/** The cluster file that labs use unless a test changes it. */
export function labClusterFile({
  nodes,
  ipv6,
  privateLink,
  key,
  balancer,
}: {
  nodes: readonly string[];
  ipv6: boolean;
  privateLink: boolean;
  key: string;
  balancer?: "haproxy" | "nginx" | undefined;
}): ClusterFile {
  const file: ClusterFile = {
    cluster: "lab",
    key,
    nodes: Object.fromEntries(
      nodes.map((name, index) => {
        const host = 11 + index;
        const links = privateLink ? [`10.0.0.${host}`] : [];
        if (ipv6) links.push(`2001:db8:2::${host}`);
        return [name, { address: `192.0.2.${host}`, links }];
      }),
    ),
    gateways: ipv6 ? [GATEWAY, GATEWAY6] : [GATEWAY],
    groups: {
      www: {
        prefer: [...nodes],
        failback: "never",
        requires: ["web"],
        resources: [{ vip: `${PUBLIC_VIP}/24` }, ...(ipv6 ? [{ vip: `${PUBLIC_VIP6}/64` }] : [])],
      },
    },
    monitors: {
      web: { http: "http://{address}:80/", every: "200ms", timeout: "150ms", fall: 2, rise: 2 },
    },
  };
  return balancer === undefined ? file : balanced(file, { nodes, privateLink, engine: balancer });
}

/** Requests go through an engine to web servers on all nodes; a node without one is still good for the VIP. */
function balanced(
  file: ClusterFile,
  { nodes, privateLink, engine }: { nodes: readonly string[]; privateLink: boolean; engine: "haproxy" | "nginx" },
): ClusterFile {
  const network = privateLink ? "10.0.0" : "192.0.2";
  const members = nodes.map((name, index) => [name, `${network}.${11 + index}:${MEMBER_PORT}`]);
  const pool = {
    members: Object.fromEntries(members),
    // Patient with a member on a busy machine, quick with one that refuses.
    check: { http: "HEAD /check.txt", every: "300ms", timeout: "2s", fall: 3, rise: 2 },
    ...(engine === "haproxy" ? { sticky: { cookie: "SERVERID" } } : {}),
  };
  const group = file.groups["www"];
  if (group !== undefined) group.requires = [];
  const balancer = { engine, sites: { "lab.test": { aliases: ["*"], listen: 80, pool: "web" } }, pools: { web: pool } };
  return { ...file, monitors: {}, balancer };
}

/** Cables of the node with this number (0 is the first). */
export function nodeCables(
  name: string,
  index: number,
  { ipv6, privateLink }: { ipv6: boolean; privateLink: boolean },
): CablePlan[] {
  const host = 11 + index;
  const cables: CablePlan[] = [
    {
      link: "public",
      device: "eth0",
      port: `${name}-public`,
      mac: mac("public", host),
      addresses: [`192.0.2.${host}/24`, ...(ipv6 ? [`2001:db8:2::${host}/64`] : [])],
    },
  ];
  if (privateLink) {
    cables.push({
      link: "private",
      device: "eth1",
      port: `${name}-private`,
      mac: mac("private", host),
      addresses: [`10.0.0.${host}/24`, ...(ipv6 ? [`2001:db8:a::${host}/64`] : [])],
    });
  }
  return cables;
}

/** A member on the public wire that is no node. */
export function outsider(
  directory: string,
  { name, host, ipv6 }: { name: string; host: number; ipv6: boolean },
): MemberPlan {
  const addresses = [`192.0.2.${host}/24`, ...(ipv6 ? [`2001:db8:2::${host}/64`] : [])];
  const own = join(directory, name);
  return {
    name,
    directory: own,
    cables: [{ link: "public", device: "eth0", port: `${name}-public`, mac: mac("public", host), addresses }],
    routes: [],
    binds: [{ by: join(own, "run"), at: "/run" }],
    volatile: ["run"],
    programs: [],
  };
}

/** The repository (or installed package) that this file belongs to. */
export const packageRoot = dirname(dirname(import.meta.dirname));
