/**
 * Adds to an engine's complaint about a port in use who has it: at three in the morning that is the question. The engines
 * say it in their own words: HAProxy "cannot bind socket (Address already in use) [192.0.2.10:80]", nginx "bind() to
 * 192.0.2.10:80 failed (98: Address already in use)".
 */

import type { Problem } from "../../core/base/report.ts";
import type { PortHolder } from "../../host/linux/port-holder.ts";
import { RETRIED } from "./keeper.ts";

const IN_USE = /address already in use/i;
/** `192.0.2.10:80`, `[2001:db8::1]:80`, `:::80`, `*:80`. */
const PLACE = /(?:[\da-f.]+|[\da-f:]+|\*|\[[\da-f:]+\]):(\d{1,5})(?!\d)/gi;

export async function explainPortInUse(
  problem: Problem,
  find: (port: number) => Promise<PortHolder | undefined>,
): Promise<Problem> {
  if (!IN_USE.test(problem.message)) return problem;
  const ports = new Set([...problem.message.matchAll(PLACE)].map(([, port]) => Number(port)));
  for (const port of ports) {
    const holder = await find(port);
    if (holder === undefined) continue;
    const { program, pid } = holder;
    return {
      ...problem,
      message: `${problem.message}; ${program} (process ${pid}) listens on port ${port}`,
      next: `stop ${program} or let it listen elsewhere, for example on the members' port; ${RETRIED}`,
    };
  }
  return problem;
}
