/**
 * Faults of cables that keep their carrier, as nftables rules at the bridge's ports. All rules of a lab are
 * written anew in one transaction whenever a fault comes or goes, so there is never a moment with half of them.
 */

import type { LinkName } from "../plan.ts";

/** Seen from the node at the cable's end. */
export type Direction = "both" | "from-node" | "to-node";

/** What gets lost. */
export type Loss =
  | { readonly kind: "everything" }
  /** A share of all frames, 1 to 99 percent, by chance. */
  | { readonly kind: "share"; readonly percent: number }
  /** Datagrams of the heartbeat port. */
  | { readonly kind: "heartbeats" }
  /** Everything of the heartbeat port, the control channel too. */
  | { readonly kind: "cluster-port" };

export interface WireFault {
  readonly port: string;
  readonly link: LinkName;
  readonly direction: Direction;
  readonly loss: Loss;
  /** What it belongs to and ends with: a member without power, or a fault of a chaos run; undefined for a cable's own. */
  readonly cause?: string;
}

/** The same loss on several cables. */
export function dropCables(
  cables: readonly { readonly port: string; readonly link: LinkName }[],
  how: { readonly direction: Direction; readonly loss: Loss; readonly cause?: string },
): WireFault[] {
  return cables.map(({ port, link }) => ({ port, link, ...how }));
}

/** The nftables script that puts exactly these faults in force, whatever stood before. */
export function renderWireFaults(faults: readonly WireFault[], clusterPort = 694): string {
  const rules = (direction: Direction, word: "iifname" | "oifname"): string =>
    faults
      .filter((fault) => fault.direction === "both" || fault.direction === direction)
      .map((fault) => `    ${word} "${fault.port}" ${condition(fault.loss, clusterPort)}drop\n`)
      .join("");
  return `table bridge understudy_lab
delete table bridge understudy_lab
table bridge understudy_lab {
  chain from_nodes {
    type filter hook prerouting priority -300; policy accept;
${rules("from-node", "iifname")}  }
  chain to_nodes {
    type filter hook postrouting priority 300; policy accept;
${rules("to-node", "oifname")}  }
}
`;
}

function condition(loss: Loss, port: number): string {
  switch (loss.kind) {
    case "everything":
      return "";
    case "share":
      return `numgen random mod 100 < ${loss.percent} `;
    case "heartbeats":
      return `meta l4proto udp th dport ${port} `;
    case "cluster-port":
      return `meta l4proto { tcp, udp } th dport ${port} `;
  }
}

/** Ports whose nodes are heard by nobody while these faults last: what they send is not on the wire. */
export function mutedPorts(faults: readonly WireFault[]): Set<string> {
  return new Set(
    faults
      .filter((fault) => fault.loss.kind === "everything" && fault.direction !== "to-node")
      .map((fault) => fault.port),
  );
}
