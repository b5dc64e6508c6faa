/**
 * Trees of static files that nginx' workers, who are not root, cannot get at: visitors would be told 403, or all of it
 * would be asked of the pool, and nobody would know why.
 */

import { statSync } from "node:fs";
import { dirname } from "node:path";

import type { Problem } from "../../../core/base/report.ts";
import type { BalancerConfig } from "../../../core/config/balancer.ts";
import type { Account } from "./program.ts";

const OTHERS_MAY_PASS = 0o001;
const GROUP_MAY_PASS = 0o010;

/** A warning for each tree with a folder on its way that the account may not pass. */
export function unreadableTrees(config: BalancerConfig, account: Account | undefined): readonly Problem[] {
  if (account === undefined) return [];
  const roots = new Set(config.sites.flatMap((site) => (site.static === undefined ? [] : [site.static.root])));
  return [...roots].flatMap((root) => {
    const closed = closedFolder(root, account);
    if (closed === undefined) return [];
    const message = `nginx' workers (${account.user}) may not enter ${closed}, so they cannot read ${root}`;
    return [{ code: "TREE_UNREADABLE", severity: "warning", message, next: `chmod o+x ${closed}` } as const];
  });
}

function closedFolder(folder: string, account: Account): string | undefined {
  const above = folder === "/" ? undefined : closedFolder(dirname(folder), account);
  if (above !== undefined) return above;
  try {
    const { mode, uid, gid } = statSync(folder);
    const isOwner = uid === account.userId;
    const needed = isOwner ? 0o100 : gid === account.groupId ? GROUP_MAY_PASS : OTHERS_MAY_PASS;
    return (mode & needed) === 0 ? folder : undefined;
  } catch {
    return undefined; // told by whoever looks whether it is there
  }
}
