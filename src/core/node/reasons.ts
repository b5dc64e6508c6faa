/**
 * The words for every decision. A word is stable: scripts and people search for it. The sentence is made in
 * one place, so that the command line, the API and the journal say the same.
 */

/** Each reason with the sentence that explains it; `{name}` is filled from the event's facts. */
export const REASONS = {
  // life of a node
  NODE_STARTED: "{node} started and observes first",
  NODE_ONLINE: "{node} may hold groups: {because}",
  NODE_STANDBY: "{node} is in standby by an operator's wish",
  NODE_LEAVING: "{node} leaves: it releases what it holds",
  NODE_PAUSED: "{node} did not run for {gapMs} ms and closed its gates before anything else",
  NODE_STALLED: "{node}'s main thread hangs: its gates are closed",
  NODE_FED: "{node}'s main thread answers again",
  NODE_RESTARTING: "{node} restarts its daemon and keeps its leases until a stated end",
  NODE_RESUMED: "{node} took its leases over from its former self",
  RECORDING_STOPPED: "{node} records its inputs no more: {detail}",
  RECORDING_GOES_ON: "{node} records its inputs again",
  STATE_SET_ASIDE: "{node}'s state file could not be read and lies at {file}: {detail}",
  // peers and links
  LINK_UP: "link {link} to {node} is up",
  LINK_DOWN: "link {link} to {node} is down: nothing heard for {silentMs} ms",
  CARRIER_LOST: "link {link} of {node} lost its carrier",
  CARRIER_BACK: "link {link} of {node} has carrier",
  PEER_UP: "{node} is up",
  PEER_LATE: "{node} is heard again: a heartbeat came {lateMs} ms late",
  PEER_SUSPECT: "{node} is silent on all links: asking it and the network",
  PEER_DEAD: "{node} is dead: nothing heard for {silentMs} ms",
  PEER_LEFT: "{node} said goodbye",
  PEER_RESTARTED: "{node} is back with a new incarnation",
  PEER_WRONG_KEY: "frames from {node}'s address are signed with another key",
  CONFIG_DIFFERS: "{node} runs another cluster file",
  CONFIG_SAME: "{node} runs the same cluster file again",
  // a group's way
  GROUP_STARTING: "{node} won {group} at epoch {epoch} and starts its services before it opens the gate: {because}",
  GROUP_TAKEN: "{node} holds {group} at epoch {epoch}: {because}",
  GROUP_TAKEN_VERIFIED: "{group} answers from {node}: seen by {witness} after {afterMs} ms",
  GROUP_RELEASED: "{node} released {group}",
  GROUP_MOVING: "{group} moves from {node} to {to}: {because}",
  GROUP_STAYS: "{group} stays on {node}: {because}",
  GROUP_HOMELESS: "no node may hold {group}: {because}",
  GROUP_GONE: "{node}'s cluster file has no {group} any more: what is left of its lease ends by itself",
  GROUP_LAPSED: "{node}'s lease on {group} ended: {because}",
  GROUP_YIELDED: "{node} yielded {group} to {to}: {because}",
  GROUP_START_FAILED: "{resource} did not start on {node}: {detail}",
  GROUP_BARRED: "{node} is barred from {group} until cleared: {because}",
  GROUP_STOP_FAILED: "{resource} did not stop on {node}: {detail}",
  GROUP_CLEARED: "{group} was cleared by an operator",
  SERVICE_DIED: "{resource} is not running on {node}: {detail}",
  // what the network says
  GATEWAY_LOST: "no gateway answers on link {link}",
  GATEWAY_BACK: "a gateway answers on link {link}",
  STRANGER_ANSWERS: "{mac}, no node of this cluster, answers for {address}",
  FABRIC_ANSWERS: "{mac} of {node} answers ARP for {address} but no other probe: the network speaks for the dead",
  ADDRESS_ANSWERED: "{node}'s hardware address answers for {address}: {group} is not taken",
  HOLDERS_MET: "{node} and {to} both announced {group}",
  // machine
  GATE_MENDED: "the gate's rules were removed by somebody and stand again",
  GATE_LATE:
    "{node}'s gate for {address} was closed for {gapMs} ms: it was renewed late, and {group} is served here all the time",
  GATE_BROKEN: "the gate cannot be kept: {detail}",
  GATE_WORKS: "the gate can be kept again: {detail}",
  GATE_REFUSED: "the kernel refused to serve {group}: {detail}",
  ADDRESS_LOST: "an address of {group} was removed by somebody and put back",
  // health and wishes
  MONITOR_UP: "monitor {monitor} is up on {node}",
  MONITOR_DOWN: "monitor {monitor} is down on {node}: {detail}",
  MONITOR_UNKNOWN: "monitor {monitor} cannot tell on {node}: {detail}",
  // the balancer's engine
  ENGINE_STARTED: "{engine} runs on {node}: started in {tookMs} ms",
  ENGINE_ADOPTED: "{engine} runs on {node} and goes on: it was running already",
  ENGINE_DIED: "{engine} ended on {node}: {detail}",
  ENGINE_NOT_STARTED: "{engine} does not start on {node}: {detail}",
  ENGINE_REFUSED: "{engine} refuses the new config on {node} and goes on with the one before: {detail}",
  ENGINE_RELOADED: "{engine} was reloaded on {node} in {tookMs} ms",
  // pools and members
  POOL_SUSPECTED:
    "{down} of {members} members of {pool} failed at once on {node}: its checks are not believed, all members serve",
  POOL_TRUSTED: "enough members of {pool} answer again on {node}: its checks are believed",
  POOL_UNCHECKED: "{pool} is not checked any more, says the cluster file of {node}: nothing is suspected",
  MEMBER_DOWN: "{member} is down, seen by {node}: {detail}",
  MEMBER_UP: "{member} is up, seen by {node}",
  MEMBERS_CHANGED: "{down} members of {pool} went down and {up} came up, seen by {node}",
  MEMBER_DRAINED: "{member} gets no new visitors: wished by an operator at {node}",
  MEMBER_UNDRAINED: "{member} gets new visitors again: wished by an operator at {node}",
  MEMBER_WEIGHTED: "{member} has weight {weight}: wished by an operator at {node}",
  DRAIN_RESTS: "{member} takes new visitors on {node} although an operator drained it: nobody else of its pool is up",
  DRAIN_COUNTS: "{member} gets no new visitors on {node} again: somebody else of its pool is up",
  // the cluster file
  CONFIG_RELOADED: "{node} read its cluster file again: {how}",
  CONFIG_REFUSED: "{node} read its cluster file again and keeps to the one before: {detail}",
  // wishes about the whole cluster
  MAINTENANCE_ON: "maintenance: nothing moves and nothing is released",
  MAINTENANCE_OFF: "maintenance is over",
} as const;

export type Reason = keyof typeof REASONS;

/** The sentence for a reason with its facts filled in; a missing fact shows as `?`. */
export function explain(reason: Reason, facts: Readonly<Record<string, unknown>>): string {
  return REASONS[reason].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? "?"));
}
