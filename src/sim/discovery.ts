/**
 * ARP and neighbour discovery on a segment: a machine's questions and announcements, and who hears and answers them.
 * Both families travel by the same rules; an address's own family says which filter can stop it.
 */

import type { VipConfig } from "../core/config/cluster.ts";
import type { AskEffect } from "../core/node/effects.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** Gratuitous ARP, or an unsolicited advertisement, to everyone on the segment. */
export function announce(world: World, machine: Machine, vip: VipConfig): void {
  const { network } = world;
  const link = vip.link ?? 0;
  if (!network.carries(link, vip.family)) return;
  const mac = machine.mac(link);
  for (const other of world.machines) {
    if (other === machine) continue;
    network.send(link, machine.index, other.index, "raw", () => other.overhear(link, vip.address, mac, false));
  }
  for (const observer of world.observers.on(link)) {
    network.send(link, machine.index, observer.host, "raw", () =>
      observer.cache.announced(vip.address, mac, world.now),
    );
  }
}

/** Puts a machine's question on the wire; every host that has the address answers the asker. */
export function ask(world: World, machine: Machine, effect: AskEffect): void {
  const { network, now: asked } = world;
  const { link, address } = effect;
  if (!network.carries(link, address.includes(":") ? 6 : 4)) return;
  const vip = world.vipByAddress.get(address);
  const back = (from: number, mac: string) => {
    network.send(link, from, machine.index, "raw", () => machine.process?.answered(effect, mac, asked));
  };
  for (const other of world.machines) {
    if (other === machine || (effect.probe === "echo" && effect.mac !== other.mac(link))) continue;
    // Only VIPs are watched for; whoever has not another address does nothing with the question.
    if (vip === undefined && address !== world.address(link, other.index)) {
      network.sendUnread({ link, from: machine.index, to: other.index }, "raw");
      continue;
    }
    network.send(link, machine.index, other.index, "raw", () => {
      if (!other.isPowered) return;
      if (other.hasAddress(link, address, vip)) back(other.index, other.mac(link));
      if (effect.probe === "arp" && vip !== undefined) other.overhear(link, address, machine.mac(link), true);
    });
  }
  for (const router of network.routersOn(link)) {
    network.send(link, machine.index, router, "raw", () => {
      const mac = world.routers.macFor(link, router, address);
      if (mac !== undefined && (effect.probe === "arp" || effect.mac === mac)) back(router, mac);
      if (router === network.gateway && effect.probe === "arp") askImpostors(world, machine, { link, vip, back });
    });
  }
}

/** Strangers who answer for everything, and fabrics that answer for the dead; they stand beside the first router. */
function askImpostors(
  world: World,
  machine: Machine,
  what: { link: number; vip: VipConfig | undefined; back: (from: number, mac: string) => void },
): void {
  const { network } = world;
  const { link, vip, back } = what;
  const stranger = network.stranger[link];
  if (stranger !== undefined) back(network.gateway, stranger);
  const last = vip === undefined ? undefined : world.lastServer.get(vip.id);
  if (network.fabric[link] === true && last !== undefined && last !== machine) back(network.gateway, last.mac(link));
}
