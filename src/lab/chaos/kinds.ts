/**
 * The faults that a chaos run can inflict, and what a visitor of the site may feel of each. Names that the lab's own
 * catalogue has mean the same here. The numbers are promises, not excuses: a request that fails outside of them is a
 * failure that no fault explains, so each stands here with its reason and is told in the report.
 */

/** At most one fault of a slot at a time is on a node: a daemon that is dead cannot be frozen. */
export type Slot =
  | "power"
  | "daemon"
  | "nginx"
  | "carrier"
  | "wire"
  | "disk"
  | "clock"
  | "wish"
  | "kernel"
  | "address"
  | "load"
  | "path"
  | "gateway"
  | "maintenance"
  | "moment";

export interface ChaosKind {
  readonly summary: string;
  readonly slot: Slot;
  /** Least and most; undefined when it is done in a moment. Drawn so that short ones are as likely as long ones. */
  readonly durationMs: readonly [least: number, most: number] | undefined;
  /** What it hits: one node, a node that does not serve, or everybody. */
  readonly hits: "node" | "standby" | "cluster";
  /** On the node that serves: for how long from its beginning requests may fail, when nothing else is wrong. */
  readonly feltMs: number;
  /** The node cannot be counted on while it lasts, and for so long afterwards; undefined: it goes on as before. */
  readonly weakMs: number | undefined;
  /** Requests through that node may fail all the time that it lasts. */
  readonly isRough: boolean;
  /** A planned move: connections that stand may break, new ones may not fail. */
  readonly breaksStanding: boolean;
  /** Nothing moves while it lasts, whatever else happens. */
  readonly holdsUp: boolean;
  /** It may make the cluster slower to deal with something else that happens meanwhile. */
  readonly disturbs: boolean;
}

/** A takeover takes a quarter of a second with an idle machine; twice that is promised, and twice that is a limit. */
const TAKEOVER_MS = 1_000;
/** The lab's monitor asks every 200 ms, gives 150 ms, and believes the second failure; then the group moves. */
const MONITOR_MS = 200 + 2 * (200 + 150) + 450;
/** What is mended within milliseconds may be felt for as long as a busy machine needs for that. */
const MENDED_MS = 600;
/** The heart gives up on a main thread that has hung for a second. */
const HANG_MS = 1_000 + TAKEOVER_MS;
/** What a node granted before it went deaf binds it for a second; then nobody asks it any more. */
const DEAF_MS = 1_000 + TAKEOVER_MS;
/** A node that starts hears the others, and its monitors have to succeed twice. */
const START_MS = 4_000;
/** Links settle, and monitors believe the second success. */
const SETTLE_MS = 2_000;

const HARMLESS = {
  hits: "node",
  feltMs: 0,
  weakMs: undefined,
  isRough: false,
  breaksStanding: false,
  holdsUp: false,
  disturbs: false,
} as const;
const STRIKE = { ...HARMLESS, feltMs: TAKEOVER_MS, weakMs: SETTLE_MS, disturbs: true } as const;
const WEB = { ...STRIKE, slot: "nginx", feltMs: MONITOR_MS, durationMs: [300, 5_000] } as const;
const ORDER = { ...HARMLESS, slot: "moment", durationMs: undefined, disturbs: true } as const;

export const KINDS = {
  "power-off": {
    ...STRIKE,
    summary: "power off: all cables dead, then everything is killed; healed by booting",
    slot: "power",
    durationMs: [300, 8_000],
    weakMs: START_MS + 1_000,
  },
  kill: {
    ...STRIKE,
    summary: "the daemon is killed (SIGKILL); healed by starting it",
    slot: "daemon",
    durationMs: [100, 5_000],
    weakMs: START_MS,
  },
  freeze: {
    ...STRIKE,
    summary: "the daemon is frozen (SIGSTOP) for 10 ms to 10 s",
    slot: "daemon",
    durationMs: [10, 10_000],
  },
  block: {
    ...STRIKE,
    summary: "the daemon's main thread hangs for 3 s",
    slot: "daemon",
    durationMs: [3_000, 3_000],
    feltMs: HANG_MS,
  },
  "stop-daemon": {
    ...STRIKE,
    summary: "the daemon is told to leave (SIGTERM); healed by starting it",
    slot: "daemon",
    durationMs: [500, 4_000],
    feltMs: MENDED_MS,
    weakMs: START_MS,
    breaksStanding: true,
  },
  unplug: {
    ...STRIKE,
    summary: "all cables unplugged, carrier lost",
    slot: "carrier",
    durationMs: [30, 6_000],
  },
  "unplug-public": {
    ...STRIKE,
    summary: "public cable unplugged, carrier lost",
    slot: "carrier",
    durationMs: [30, 6_000],
  },
  "unplug-private": {
    ...HARMLESS,
    summary: "private cable unplugged, carrier lost",
    slot: "carrier",
    durationMs: [30, 6_000],
    disturbs: true,
  },
  silence: {
    ...STRIKE,
    summary: "all cables dead, carrier stays",
    slot: "wire",
    durationMs: [30, 6_000],
  },
  "silence-public": {
    ...STRIKE,
    summary: "public cable dead, carrier stays",
    slot: "wire",
    durationMs: [30, 6_000],
  },
  "silence-private": {
    ...HARMLESS,
    summary: "private cable dead, carrier stays",
    slot: "wire",
    durationMs: [30, 6_000],
    disturbs: true,
  },
  deaf: {
    ...STRIKE,
    summary: "hears nothing, is heard by all",
    slot: "wire",
    durationMs: [30, 6_000],
    feltMs: DEAF_MS,
  },
  mute: { ...STRIKE, summary: "hears all, is heard by nobody", slot: "wire", durationMs: [30, 6_000] },
  "lose-30": {
    ...STRIKE,
    summary: "30 % of all packets are lost, each way, on all cables",
    slot: "wire",
    durationMs: [500, 6_000],
    isRough: true,
  },
  "block-694": {
    ...HARMLESS,
    summary: "a firewall drops port 694, both ways, on all cables",
    slot: "wire",
    durationMs: [200, 6_000],
    weakMs: SETTLE_MS,
    disturbs: true,
  },
  late: {
    ...HARMLESS,
    summary: "all heartbeats arrive late, some twice and out of order",
    slot: "path",
    durationMs: [1_000, 6_000],
    hits: "cluster",
    disturbs: true,
  },
  replay: {
    ...HARMLESS,
    summary: "heartbeats are recorded, and in the end all are sent again",
    slot: "path",
    durationMs: [500, 5_000],
    hits: "cluster",
  },
  noise: {
    ...HARMLESS,
    summary: "random bytes are thrown at the daemon's port",
    slot: "moment",
    durationMs: undefined,
  },
  gateway: {
    ...HARMLESS,
    summary: "the gateway answers no ARP question",
    slot: "gateway",
    durationMs: [300, 6_000],
    hits: "cluster",
    disturbs: true,
  },
  nginx: { ...WEB, summary: "nginx is killed; healed by starting it" },
  "nginx-hangs": { ...WEB, summary: "nginx is frozen (SIGSTOP): connections stand and nothing answers" },
  "nginx-500": { ...WEB, summary: "nginx answers every request with 500" },
  "disk-full": {
    ...HARMLESS,
    summary: "the disk of the state directory is full",
    slot: "disk",
    durationMs: [500, 8_000],
  },
  "clock-step": {
    ...HARMLESS,
    summary: "the wall clock that the daemon sees jumps by an hour, and back in the end",
    slot: "clock",
    durationMs: [500, 8_000],
  },
  switch: {
    ...ORDER,
    summary: "an operator moves the group to a node",
    breaksStanding: true,
  },
  standby: {
    ...HARMLESS,
    summary: "an operator puts a node in standby, and online again",
    slot: "wish",
    durationMs: [500, 6_000],
    weakMs: SETTLE_MS,
    breaksStanding: true,
    disturbs: true,
  },
  maintenance: {
    ...HARMLESS,
    summary: "an operator begins maintenance, and ends it",
    slot: "maintenance",
    durationMs: [500, 6_000],
    hits: "cluster",
    holdsUp: true,
    disturbs: true,
  },
  restart: {
    ...ORDER,
    summary: "an operator restarts the daemon, which keeps its leases",
    slot: "daemon",
    weakMs: START_MS,
  },
  clear: { ...ORDER, summary: "an operator clears the group", disturbs: false },
  flush: {
    ...ORDER,
    summary: "somebody flushes the firewall and removes the guard of the public device",
    slot: "kernel",
    feltMs: MENDED_MS,
  },
  "drop-address": {
    ...ORDER,
    summary: "somebody deletes the site's address",
    slot: "address",
    feltMs: MENDED_MS,
  },
  "add-address": {
    ...ORDER,
    summary: "somebody adds the site's address on a node that does not serve, for 3 s",
    slot: "address",
    hits: "standby",
    disturbs: false,
  },
  "new-device": {
    ...ORDER,
    summary: "the public device is replaced by another one of its name",
    slot: "kernel",
    feltMs: TAKEOVER_MS,
    weakMs: SETTLE_MS,
  },
  hogs: {
    ...HARMLESS,
    summary: "an endless loop runs for each of the machine's processors",
    slot: "load",
    durationMs: [500, 3_000],
    hits: "cluster",
    feltMs: TAKEOVER_MS,
    isRough: true,
    disturbs: true,
  },
} as const satisfies Record<string, ChaosKind>;

export type KindName = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[];

export function isKindName(name: string): name is KindName {
  return Object.hasOwn(KINDS, name);
}

/** The kind's promises; the table itself has narrower types than a reader needs. */
export function kindOf(name: KindName): ChaosKind {
  return KINDS[name];
}
