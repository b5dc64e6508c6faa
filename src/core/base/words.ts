/** The state words that several areas of the core share; one word per thing. */

/** A node's own state. */
export type NodeMode =
  /** Started, not yet eligible for anything. */
  | "observing"
  | "online"
  | "standby"
  /** Said goodbye, holds nothing. */
  | "left";

/** Where a node stands with one group. */
export type GroupRole =
  | "idle"
  /** Holds the claim, resources are starting, gate closed. */
  | "starting"
  /** Serves: gate open inside its lease. */
  | "holding"
  /** Was the last holder, its lease lapsed, gate closed; wants to serve again when it is connected. */
  | "lapsed"
  /** Gate closed, resources are stopping. */
  | "stopping"
  /** Gate closed, but a resource would not stop. */
  | "stuck";

/** How another node looks from here. */
export type PeerState =
  /** Not heard since this node started. */
  | "unheard"
  | "up"
  /** A beat is missing. */
  | "late"
  /** Silent on all links for so long that a takeover is prepared. */
  | "suspect"
  /** Silent for the whole wait: its leases are over. */
  | "dead"
  /** Said goodbye. */
  | "left";

/** A monitor's judgement; `unknown` means that the check itself failed and never counts as down. */
export type Verdict = "up" | "down" | "unknown";
