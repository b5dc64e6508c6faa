/**
 * The side of the control channel that answers other nodes: the API's closed list over TLS with the cluster
 * key, on every link address of this node and nowhere else. An address that is not there yet (a cable that is
 * plugged in later) is tried again until it is.
 */

import { createServer } from "node:https";
import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import type { Backend, Caller } from "../api/backend.ts";
import { CREATION_LIMITS, createHandler, setLimits } from "../api/server.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { deriveSecret, readIdentity, TLS_SETTINGS } from "./cluster-secret.ts";
import type { Log } from "./log.ts";

/** Between two attempts to listen on an address. */
const RETRY_MS = 2_000;

export interface ControlServerOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  readonly keys: readonly Uint8Array[];
  readonly backend: Backend;
  readonly log: Log;
}

export interface ControlServer {
  /** Handshakes refused since the start: a wrong key, a foreign cluster, an unknown node or a scanner. */
  readonly refused: () => number;
  close(): void;
}

/** Starts listening; never fails, because a node without its control channel still keeps a site online. */
export function startControlServer(options: ControlServerOptions): ControlServer {
  const { config, node } = options;
  let refused = 0;
  const callers = new WeakMap<Socket, Caller>();
  const secrets = new Map(options.keys.map(deriveSecret).map((secret) => [secret.id, secret.psk]));
  const others = new Set(config.nodes.map((other) => other.name).filter((name) => name !== node));

  const admit = (socket: TLSSocket, text: string): Buffer | null => {
    const identity = readIdentity(text);
    if (identity === undefined || identity.cluster !== config.cluster || !others.has(identity.node)) return null;
    const psk = secrets.get(identity.keyId);
    if (psk === undefined) return null;
    callers.set(socket, { kind: "peer", node: identity.node });
    return psk;
  };

  const addresses = config.nodes.find((other) => other.name === node)?.addresses ?? [];
  const ends = [...new Set(addresses)].map((address) => {
    // Without certificates only a handshake with a known key can succeed. Tickets would outlive a removed key.
    const server = createServer(
      { ...TLS_SETTINGS, ...CREATION_LIMITS, pskCallback: admit, handshakeTimeout: 2_000, sessionTimeout: 1 },
      createHandler(options.backend, (socket) => callers.get(socket)),
    );
    setLimits(server);
    server.on("tlsClientError", () => {
      refused += 1;
    });
    return keepListening(server, { address, port: config.heartbeat.port }, options.log);
  });
  return { refused: () => refused, close: () => ends.forEach((end) => end()) };
}

function keepListening(server: Server, at: { address: string; port: number }, log: Log): () => void {
  let timer: NodeJS.Timeout | undefined;
  let complained = false;
  const listen = (): void => {
    server.listen({ host: at.address, port: at.port, exclusive: true });
  };
  server.on("listening", () => {
    if (complained) log.info("the control channel listens after all", { address: at.address });
  });
  server.on("error", (error: NodeJS.ErrnoException) => {
    if (!complained)
      log.warn("the control channel cannot listen yet and tries again", { address: at.address, detail: error.message });
    complained = true;
    timer = setTimeout(listen, RETRY_MS);
    timer.unref();
  });
  listen();
  return () => {
    clearTimeout(timer);
    server.removeAllListeners("error");
    server.on("error", () => {});
    server.close();
    server.closeAllConnections();
  };
}
