/**
 * Operators' wishes: small versioned registers that travel with the frames. The higher version wins on every node, and
 * of equal ones one that all choose alike, so after a split all nodes agree again.
 */

import { MAX_GROUPS, MAX_NODES } from "../base/limits.ts";
import type { Wish } from "../membership/frame.ts";

/** More registers than any cluster has: whatever peers with another cluster file tell, memory stays bounded. */
const MAX_WISHES = 1 + MAX_NODES + 2 * MAX_GROUPS;

export class Wishes {
  private readonly byKey = new Map<string, Wish>();
  /** In which beat each was told to everybody. */
  private readonly toldAt = new Map<string, number>();
  private tellings = 0;
  /** Grows with every change; tells when the disk is behind. */
  revision = 0;

  /** Takes over wishes from disk or a frame; answers the keys that changed. */
  merge(wishes: readonly Wish[]): string[] {
    const changed: string[] = [];
    for (const wish of wishes) {
      const mine = this.byKey.get(wish.key);
      if (mine !== undefined && !supersedes(wish, mine)) continue;
      if (mine === undefined && this.byKey.size >= MAX_WISHES) continue;
      this.byKey.set(wish.key, wish);
      this.toldAt.delete(wish.key);
      this.revision++;
      if (mine?.value !== wish.value || mine.version !== wish.version) changed.push(wish.key);
    }
    return changed;
  }

  /** States a wish anew. */
  set(key: string, value: string, node: string): void {
    const version = (this.byKey.get(key)?.version ?? 0) + 1;
    this.byKey.set(key, { key, value, version, node });
    this.toldAt.delete(key);
    this.revision++;
  }

  get(key: string): string {
    return this.byKey.get(key)?.value ?? "";
  }

  version(key: string): number {
    return this.byKey.get(key)?.version ?? 0;
  }

  all(): Wish[] {
    return [...this.byKey.values()];
  }

  /** All wishes, those that were told of longest ago first. */
  inTurn(): Wish[] {
    const toldAt = ({ key }: Wish): number => this.toldAt.get(key) ?? 0;
    return this.all().sort((a, b) => toldAt(a) - toldAt(b));
  }

  /** These were told to everybody: others come first now. */
  told(wishes: readonly Wish[]): void {
    this.tellings++;
    for (const { key } of wishes) this.toldAt.set(key, this.tellings);
  }
}

/**
 * Of two wishes with one number neither speaker knew of the other's. What keeps a node or the whole cluster from
 * acting loses then: an end that was confirmed to somebody must not be undone by a beginning that he could not see.
 * The value decides last: a node that lost its disk counts anew, and may say another thing in an old version.
 */
function supersedes(a: Wish, b: Wish): boolean {
  if (a.version !== b.version) return a.version > b.version;
  if ((a.value === "off") !== (b.value === "off")) return a.value === "off";
  return a.node === b.node ? a.value > b.value : a.node > b.node;
}
