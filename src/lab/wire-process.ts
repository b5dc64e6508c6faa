/**
 * Everything of a lab that reads and writes raw frames, in one process beside the bridges: who holds the VIP,
 * the relay for heartbeats, the lying ARP responder. A process of its own, so that nothing delays it and a
 * mistake at the C border ends only it.
 */

import { Capture } from "./chaos/capture.ts";
import { HolderWatch } from "./checks/holder-watch.ts";
import { Relay } from "./faults/relay.ts";
import type { RelayOptions } from "./faults/relay.ts";
import { Responder } from "./faults/responder.ts";
import type { ResponderOptions } from "./faults/responder.ts";
import { comeFirst } from "./clock.ts";
import { LineChannel } from "./line-channel.ts";
import { deviceIndex, PacketSocket } from "./packet-socket.ts";
import { bridgeMac, bridgeName } from "./plan.ts";
import type { LinkName } from "./plan.ts";

/** A port on a bridge, with the member behind it. */
export interface WirePort {
  readonly port: string;
  readonly node: string;
  readonly link: LinkName;
  readonly mac: string;
}

export interface WireOptions {
  readonly ports: readonly WirePort[];
  readonly vips: readonly string[];
}

const options = JSON.parse(process.argv[2] ?? "{}") as WireOptions;
const socket = new PacketSocket();
const publicDevice = deviceIndex(bridgeName("public"));
let portByDevice = new Map<number, WirePort>();
let muted = new Set<string>();
let watch: HolderWatch | undefined;
let capture: Capture | undefined;
const relay = new Relay(socket, deviceOfMac);
const responder = new Responder(socket, publicDevice);

function deviceOfMac(mac: string): number | undefined {
  for (const [device, port] of portByDevice) if (port.mac === mac && !muted.has(port.port)) return device;
  return undefined;
}

/** Ports get new indexes whenever their member boots. */
function findPorts(): void {
  portByDevice = new Map(options.ports.map((port) => [deviceIndex(port.port), port]));
  portByDevice.delete(0);
}

function turn(): void {
  socket.drain((frame) => {
    const port = portByDevice.get(frame.device);
    if (port === undefined || muted.has(port.port)) return;
    watch?.take(port.node, frame);
    capture?.take(port.node, frame);
    relay.take(frame);
    if (port.link === "public") responder.take(frame);
  });
  watch?.tick();
  relay.tick();
  responder.tick();
}

const methods: Record<string, (params: never) => unknown> = {
  ports: findPorts,
  mute: (params: { ports: string[] }) => {
    turn(); // what arrived before the change is judged by the old state
    muted = new Set(params.ports);
  },
  watch: (params: { everyMs: number }) => {
    watch = new HolderWatch(socket, {
      device: publicDevice,
      mac: bridgeMac("public"),
      vips: options.vips,
      everyMs: params.everyMs,
    });
    capture = new Capture(socket, options.vips);
  },
  unwatch: () => {
    watch = undefined;
    capture = undefined;
  },
  serving: () => watch?.serving() ?? {},
  report: (params: { fromMs: number; toMs: number }) => {
    if (watch === undefined) throw new Error("nobody watches the holders: call holders.start() first");
    turn();
    return watch.report(params);
  },
  captured: (params: { fromMs: number; toMs: number }) => {
    if (capture === undefined) throw new Error("nobody watches the holders: call holders.start() first");
    turn();
    return capture.report(params);
  },
  relay: (params: { options?: RelayOptions }) => relay.set(params.options),
  record: (params: { port: number }) => relay.record(params.port),
  replay: (params: { times: number }) => relay.replay(params.times),
  responder: (params: { options?: ResponderOptions }) => responder.set(params.options),
  counts: () => ({ relayed: relay.passed, replayed: relay.replayed, lies: responder.answered }),
};

const channel = new LineChannel(process.stdin, process.stdout, (method, params) => {
  const answer = methods[method];
  if (answer === undefined) throw new Error(`the wire knows no ${method}`);
  return answer(params as never) ?? null;
});
void channel.closed.then(() => process.exit(0));

comeFirst();
findPorts();
setInterval(turn, 1);
