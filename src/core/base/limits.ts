/**
 * Every queue, list, retry and frame has a limit, and all limits of the core stand here, so that the largest
 * memory use and the longest wait can be read from one page.
 */

/** Nodes in one cluster: a frame must name all of them with what was heard on every link. */
export const MAX_NODES = 16;
/** Network paths of one node. */
export const MAX_LINKS = 8;
/** Groups in one cluster. */
export const MAX_GROUPS = 32;
/** Virtual addresses in one cluster: one gate renewal carries all of them. */
export const MAX_VIPS = 64;
/** Resources in one group. */
export const MAX_RESOURCES = 64;
/** Monitors in one cluster. */
export const MAX_MONITORS = 2_000;
/** Sites of the balancer. */
export const MAX_SITES = 2_000;
/** Names and wildcards of one site. */
export const MAX_SITE_NAMES = 500;
/** Rules of one kind in one site: paths, redirects, headers, error pages, certificates, places to listen. */
export const MAX_SITE_RULES = 200;
/** Addresses with their ports that all sites together listen on. */
export const MAX_LISTENERS = 512;
/** Pools of the balancer. */
export const MAX_POOLS = 2_000;
/** Members of all pools together. */
export const MAX_MEMBERS = 10_000;
/** A text in the balancer's settings: a path, a header's value, what a check looks for. */
export const MAX_TEXT_LENGTH = 1_024;
/** A heartbeat frame, whole, in bytes: one unfragmented UDP datagram on any Ethernet. */
export const MAX_FRAME_BYTES = 1_400;
/** Length of a cluster, node, group or monitor name. */
export const MAX_NAME_LENGTH = 63;
/** Latest sequence numbers to one peer whose send time is remembered, to date an echo. */
export const MAX_SENT_REMEMBERED = 1_024;
/** MAC addresses remembered for one peer. */
export const MAX_MACS_PER_NODE = 16;
/** Events kept in memory by a node. */
export const MAX_EVENTS = 1_000;
/** Operator requests that wait for an answer at one node. */
export const MAX_WAITING_REQUESTS = 64;
/** Attempts to start one resource before its group moves on. */
export const MAX_START_ATTEMPTS = 10;
/** A cluster file, in characters. */
export const MAX_CONFIG_LENGTH = 4_194_304;
/** Problems of one cluster file that are told; the rest is counted. */
export const MAX_CONFIG_PROBLEMS = 100;
/** A what-if script, in characters. */
export const MAX_SCRIPT_LENGTH = 262_144;
/** Statements of one what-if script. */
export const MAX_SCRIPT_STATEMENTS = 1_000;
/** Time that a what-if script may let pass, in milliseconds. */
export const MAX_SCRIPT_TIME_MS = 3_600_000;
/** Problems of one what-if script that are told; the rest is counted. */
export const MAX_SCRIPT_PROBLEMS = 50;
/** Arguments of one command. */
export const MAX_ARGUMENTS = 256;
/** Inputs that wait to be cut off a tape, in characters; more in one go is a gap in the recording. */
export const MAX_BATCH_LENGTH = 4_194_304;
/** The ring of recorded inputs on disk, in bytes: about two days of a quiet cluster of two, less of a larger one. */
export const MAX_RECORDING_BYTES = 67_108_864;
/** Operators' wishes about members that one node keeps: weight and drain of each, with room for members that left. */
export const MAX_MEMBER_WISHES = 20_000;
