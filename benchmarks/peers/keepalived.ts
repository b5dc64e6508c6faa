/**
 * keepalived as an experienced administrator configures it for one address on two equal servers: VRRP version 3,
 * unicast, nobody preempts, and a script that asks the own nginx for a page. A failed script means FAULT, not less
 * priority: with `nopreempt` a lower priority alone would move nothing.
 */

import { readFileSync } from "node:fs";
import { heal } from "../../src/lab/faults/catalog.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { PUBLIC_VIP } from "../../src/lab/plan.ts";
import type { ForeignProgram } from "../../src/lab/plan.ts";
import type { Contender } from "../contender.ts";

const FOLDER = "/etc/keepalived";

/** keepalived with adverts at this interval. */
export function keepalived(intervalMs: number): Contender {
  const program: ForeignProgram = {
    kind: "foreign",
    argv: () => ["keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file", `${FOLDER}/keepalived.conf`],
    matches: "keepalived --dont-fork",
    directories: (node) => [
      {
        path: FOLDER,
        files: {
          "keepalived.conf": { content: renderConfig(node, intervalMs) },
          "check-web": { content: CHECK, mode: 0o755 },
        },
      },
    ],
  };
  return {
    family: "keepalived",
    name: `keepalived ${intervalMs < 1000 ? `${intervalMs} ms` : `${intervalMs / 1000} s`}`,
    setting: `keepalived 2.2, VRRP version 3, unicast, advert_int ${intervalMs / 1000}, nopreempt, track_script every second (its shortest), fall 2`,
    intervalMs,
    lab: { program },
    patienceMs: 3 * intervalMs + 5_000,
    config: () => [
      { file: `${FOLDER}/keepalived.conf`, text: renderConfig("srv1", intervalMs) },
      { file: `${FOLDER}/check-web`, text: CHECK },
    ],
    obstacle,
    // What its administrators do before they work on a server: `systemctl stop keepalived`.
    switchover: (lab, holder) => lab.node(holder).stopDaemon(),
    heal: (lab) => heal(lab),
  };
}

const CHECK = `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/80 || exit 1
printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' >&3
read -r -t 1 status <&3
[[ $status == *" 200 "* ]]
`;

function renderConfig(node: string, intervalMs: number): string {
  const [own, other] = node === "srv1" ? [11, 12] : [12, 11];
  return `global_defs {
    router_id ${node}
    vrrp_version 3
    enable_script_security
    script_user root
    vrrp_garp_master_delay 1
    vrrp_garp_master_refresh 60
}
vrrp_script web {
    script "${FOLDER}/check-web"
    interval 1
    timeout 1
    fall 2
    rise 2
}
vrrp_instance www {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority ${node === "srv1" ? 110 : 100}
    advert_int ${intervalMs / 1000}
    unicast_src_ip 192.0.2.${own}
    unicast_peer {
        192.0.2.${other}
    }
    virtual_ipaddress {
        ${PUBLIC_VIP}/24 dev eth0
    }
    track_script {
        web
    }
}
`;
}

/** Reads each daemon's own log: keepalived has no question that it would answer quickly. */
async function obstacle(lab: Lab, page: string): Promise<string> {
  for (const node of lab.nodes) {
    const state = lastState(readFileSync(node.paths.daemonLog, "utf8"));
    const wanted = node.name === page ? "MASTER" : "BACKUP";
    if (state !== wanted) return `${node.name} is ${state ?? "starting"}, not ${wanted}`;
  }
  return "";
}

/** The state that the last life of the daemon in this log came to. */
export function lastState(log: string): string | undefined {
  const life = log.slice(Math.max(0, log.lastIndexOf("Starting Keepalived")));
  return [...life.matchAll(/\(www\) Entering (\w+) STATE/g)].at(-1)?.[1];
}
