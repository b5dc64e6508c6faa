/**
 * How an engine goes over from what it carries to what it should carry: by nothing, by commands to the running program,
 * or by a reload, and why. For HAProxy the rendered texts decide, not the model: when they are the same but for weights
 * and addresses of members and the list of pools that everybody serves, commands lead to the very state that the new text
 * describes; anything else needs the text to be loaded. So nothing that a renderer makes of a setting can be forgotten here.
 */

import type { BalancerConfig, MemberConfig, PoolConfig, SiteConfig } from "../config/balancer.ts";
import { CONFIG_FILE, fallbackName, PANIC_MAP, PANIC_VALUE } from "./haproxy-names.ts";
import { renderHaproxy } from "./haproxy.ts";
import { memberId, type RenderedFile, type Wanted } from "./wanted.ts";

/** A file outside the cluster file whose content changed. */
export interface ChangedFile {
  /** In the engine's directory. */
  readonly path: string;
  readonly kind: "certificate" | "error-page" | "login";
}

export interface Change {
  readonly by: "nothing" | "runtime" | "reload";
  /** For `runtime`: in the engine's words, in order. Certificates are replaced besides. */
  readonly commands: readonly string[];
  /** For `reload`: reasons in words. */
  readonly because: readonly string[];
}

const NOTHING: Change = { by: "nothing", commands: [], because: [] };
/** Reasons told; the rest is counted. */
const MAX_REASONS = 12;

/** `before` undefined: what it carries is not known. */
export function describeChange(
  before: Wanted | undefined,
  after: Wanted,
  changedFiles: readonly ChangedFile[] = [],
): Change {
  if (before === undefined) return reload(["it is not known what the engine carries"]);
  const files = changedFiles
    .filter(({ kind }) => after.config.engine !== "haproxy" || kind !== "certificate")
    .map(({ path }) => `${path} has another content`);
  if (files.length > 0) return reload(files);
  if (before.config.engine !== "haproxy" || after.config.engine !== "haproxy") return textual(before, after);
  return runtimeOrReload(before, after, changedFiles.length > 0);
}

function reload(reasons: readonly string[]): Change {
  const told = reasons.slice(0, MAX_REASONS);
  const more = reasons.length > MAX_REASONS ? [`and ${reasons.length - MAX_REASONS} more`] : [];
  return { by: "reload", commands: [], because: [...told, ...more] };
}

/** Engines that take no commands. */
function textual(before: Wanted, after: Wanted): Change {
  if (isSame(before, after)) return NOTHING;
  const reasons = [...configReasons(before.config, after.config), ...memberReasons(before, after)];
  return reload(reasons.length > 0 ? reasons : ["what members are given differs"]);
}

function runtimeOrReload(before: Wanted, after: Wanted, hasCertificates: boolean): Change {
  const place = { directory: "/" };
  const [old, now] = [before, after].map((wanted) => renderHaproxy(wanted, place, { account: undefined }));
  if (old === undefined || now === undefined || fixedText(old) !== fixedText(now)) {
    const reasons = configReasons(before.config, after.config);
    return reload(reasons.length > 0 ? reasons : ["a member's address stands in more rules than its own line"]);
  }
  const commands = [...serverCommands(before, after), ...panicCommands(before.servingAll, after.servingAll)];
  return commands.length > 0 || hasCertificates ? { by: "runtime", commands, because: [] } : NOTHING;
}

/** What commands cannot change. */
function fixedText(files: readonly RenderedFile[]): string {
  const kept = files.filter(({ path }) => path !== PANIC_MAP);
  return kept
    .map(({ path, content }) => {
      const text = path === CONFIG_FILE ? content.replaceAll(SERVER_LINE, "$1") : content;
      return `${path}\n${text}`;
    })
    .join("\n");
}

/** `    server srv1 10.0.0.11:8000 weight 100`: what follows the weight stays. */
const SERVER_LINE = /^( {4}server \S+) \S+ weight \d+/gm;

/** A server as the rendered config makes it. */
export interface RenderedServer {
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  readonly port: number;
  /** 0 while it is drained. */
  readonly weight: number;
}

/** All servers that the config of a `Wanted` has. */
export function renderedServers(wanted: Wanted): RenderedServer[] {
  const wants = new Map(wanted.members.map((want) => [memberId(want), want]));
  return wanted.config.pools.flatMap((pool) => {
    const backends = pool.check === undefined ? [pool.name] : [pool.name, fallbackName(pool.name)];
    return backends.flatMap((backend) =>
      pool.members.map(({ name, address, port, weight }) => {
        const want = wants.get(memberId({ pool: pool.name, member: name }));
        const effective = want?.drain === undefined ? (want?.weight ?? weight) : 0;
        return { backend, server: name, address, port, weight: effective };
      }),
    );
  });
}

/** What leads a server from one state to another. */
export function commandsFor(
  now: Pick<RenderedServer, "address" | "port" | "weight"> | undefined,
  next: RenderedServer,
): string[] {
  const name = `${next.backend}/${next.server}`;
  const commands: string[] = [];
  if (now?.address !== next.address || now.port !== next.port)
    commands.push(`set server ${name} addr ${next.address} port ${next.port}`);
  if (now?.weight !== next.weight) commands.push(`set weight ${name} ${next.weight}`);
  return commands;
}

function serverCommands(before: Wanted, after: Wanted): string[] {
  const known = new Map(renderedServers(before).map((server) => [`${server.backend}/${server.server}`, server]));
  return renderedServers(after).flatMap((next) => commandsFor(known.get(`${next.backend}/${next.server}`), next));
}

/** What leads the list of pools that everybody serves from one state to another. */
export function panicCommands(now: readonly string[], next: readonly string[]): string[] {
  return [
    ...next.filter((pool) => !now.includes(pool)).map((pool) => `add map ${PANIC_MAP} ${pool} ${PANIC_VALUE}`),
    ...now.filter((pool) => !next.includes(pool)).map((pool) => `del map ${PANIC_MAP} ${pool}`),
  ];
}

function configReasons(before: BalancerConfig, after: BalancerConfig): string[] {
  const { sites: oldSites, pools: oldPools, ...oldRest } = before;
  const { sites, pools, ...rest } = after;
  return [
    ...differing(oldRest, rest).map((name) => `${spaced(name)} of the balancer changes`),
    ...listReasons("site", oldSites, sites, (name, old, now) => [
      `site ${name} changes: ${differing(old, now).map(spaced).join(", ")}`,
    ]),
    ...listReasons("pool", oldPools, pools, poolReasons),
  ];
}

function poolReasons(name: string, old: PoolConfig, now: PoolConfig): string[] {
  const { members: oldMembers, ...oldRest } = old;
  const { members, ...rest } = now;
  const settings = differing(oldRest, rest);
  return [
    ...(settings.length > 0 ? [`pool ${name} changes: ${settings.map(spaced).join(", ")}`] : []),
    ...listReasons(`member ${name}/`, oldMembers, members, (member, was, is) => {
      const fields = differing(was, is).filter((field) => !BY_COMMAND.has(field));
      return fields.length > 0 ? [`member ${name}/${member} changes: ${fields.map(spaced).join(", ")}`] : [];
    }),
  ];
}

/** Settings of a member that need no reload; its node is no business of the engine. */
const BY_COMMAND: ReadonlySet<string> = new Set<keyof MemberConfig>(["weight", "address", "port", "node"]);

function listReasons<T extends SiteConfig | PoolConfig | MemberConfig>(
  kind: string,
  before: readonly T[],
  after: readonly T[],
  changed: (name: string, before: T, after: T) => readonly string[],
): string[] {
  const called = (name: string): string => (kind.endsWith("/") ? `${kind}${name}` : `${kind} ${name}`);
  const old = new Map(before.map((item) => [item.name, item]));
  const names = new Set(after.map(({ name }) => name));
  const gone = before.filter(({ name }) => !names.has(name)).map(({ name }) => `${called(name)} is gone`);
  const rest = after.flatMap((item) => {
    const was = old.get(item.name);
    if (was === undefined) return [`${called(item.name)} is new`];
    return isSame(was, item) ? [] : changed(item.name, was, item);
  });
  const isMoved = gone.length === 0 && before.length === after.length && rest.length === 0;
  const moved = isMoved && before.some(({ name }, index) => after[index]?.name !== name);
  return [
    ...gone,
    ...rest,
    ...(moved ? [`${kind === "site" || kind === "pool" ? `${kind}s` : "members"} stand in another order`] : []),
  ];
}

function memberReasons(before: Wanted, after: Wanted): string[] {
  const old = new Map(before.members.map((want) => [memberId(want), want]));
  return after.members.flatMap((want) => {
    const was = old.get(memberId(want));
    if (was === undefined || isSame(was, want)) return [];
    return [`member ${memberId(want)} changes: ${differing(was, want).map(spaced).join(", ")}`];
  });
}

function differing(before: object, after: object): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter(
    (name) => !isSame((before as Record<string, unknown>)[name], (after as Record<string, unknown>)[name]),
  );
}

function isSame(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

/** `bodyLimitBytes` → `body limit`. */
function spaced(name: string): string {
  return name
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/ (ms|bytes)$/, "")
    .replace(/^is /, "");
}
