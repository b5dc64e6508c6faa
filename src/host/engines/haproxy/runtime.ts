/** What is done to a running worker by commands: replacing certificates, and bringing it to what it should carry. */

import { commandsFor, panicCommands, renderedServers } from "../../../core/balancer/change.ts";
import { PANIC_MAP } from "../../../core/balancer/haproxy-names.ts";
import type { Wanted } from "../../../core/balancer/wanted.ts";
import type { BundleFile } from "../host-files.ts";
import { parseServerStates } from "./server-state.ts";
import { ask, MAX_PAYLOAD_BYTES } from "./socket.ts";

/**
 * Commands that lead the worker from what it really carries to what it should; undefined when it has other servers or
 * somebody forced one into a state, so that only a reload helps.
 */
export async function reconcile(socket: string, wanted: Wanted): Promise<readonly string[] | undefined> {
  const states = parseServerStates(await ask(socket, "show servers state"));
  const actual = new Map(states.map((state) => [`${state.backend}/${state.server}`, state]));
  const servers = renderedServers(wanted);
  if (servers.some(({ backend, server }) => actual.get(`${backend}/${server}`)?.forced !== 0)) return undefined;
  const map = await ask(socket, `show map ${PANIC_MAP}`);
  const serving = map.split("\n").flatMap((line) => {
    const [, pool] = line.trim().split(/\s+/);
    return pool === undefined ? [] : [pool];
  });
  return [
    ...servers.flatMap((server) => commandsFor(actual.get(`${server.backend}/${server.server}`), server)),
    ...panicCommands(serving, wanted.servingAll),
  ];
}

/** Replaces certificates of the running worker, all or up to the first complaint; returns the complaints. */
export async function putCertificates(socket: string, bundles: readonly BundleFile[]): Promise<string[]> {
  for (const { path, content } of bundles) {
    if (content.length > MAX_PAYLOAD_BYTES) return [`${path} is too large for a command`];
    const begun = await ask(socket, `set ssl cert ${path} <<\n${content}`);
    if (!/^Transaction (created|updated)/m.test(begun)) return [begun.trim()];
    const ended = await ask(socket, `commit ssl cert ${path}`);
    if (!/^Success!/m.test(ended)) {
      await ask(socket, `abort ssl cert ${path}`);
      return [ended.trim()];
    }
  }
  return [];
}
