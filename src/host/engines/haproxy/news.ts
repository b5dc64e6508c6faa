/**
 * Follows what HAProxy's checks find, at once: backends write each change of a member's health into a ring in memory, and
 * one lasting connection to the worker's socket waits for new lines. A new worker has a new ring, so the connection is
 * made anew after a reload, and also when HAProxy closes it, as it does after a day without news; what happened in between
 * is learned from the figures that are read now and then.
 */

import { connect, type Socket } from "node:net";
import type { MemberKey } from "../../../core/balancer/wanted.ts";

export interface MemberNews {
  readonly key: MemberKey;
  readonly isUp: boolean;
  readonly detail: string;
}

/** Reads one line of the ring: `<1>2026-… Server apache/srv1 is DOWN, reason: Layer4 …`; undefined: of something else. */
export function parseNews(line: string): MemberNews | undefined {
  const [, pool, member, verdict, rest = ""] = /\bServer ([^/\s]+)\/(\S+) is (DOWN|UP)\b[,.]?\s*(.*)$/.exec(line) ?? [];
  // The backends without checks tell nothing, and their names have a colon.
  if (pool === undefined || member === undefined || pool.includes(":")) return undefined;
  const detail = rest.replace(/^reason: /, "").replace(/\. \d+ active and .*$/, "");
  return { key: { pool, member }, isUp: verdict === "UP", detail };
}

/** Before the next attempt, when HAProxy closed the connection or did not take it. */
const AGAIN_MS = 250;
/** A line of the ring is shorter than this. */
const MAX_LINE = 4_096;

export class NewsFollower {
  readonly #socket: string;
  readonly #ring: string;
  readonly #heard: (news: MemberNews) => void;
  #connection: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { readonly socket: string; readonly ring: string; readonly heard: (news: MemberNews) => void }) {
    this.#socket = options.socket;
    this.#ring = options.ring;
    this.#heard = options.heard;
  }

  /**
   * Listens to the worker that answers now, and no longer to the one before. `fromBeginning`: what a worker that has just
   * begun found before we asked is told as well; of an older one it would be history.
   */
  attach({ fromBeginning }: { readonly fromBeginning: boolean }): void {
    this.detach();
    const connection = connect(this.#socket);
    this.#connection = connection;
    let rest = "";
    connection.setEncoding("utf8");
    connection.on("connect", () => connection.write(`show events ${this.#ring} -w${fromBeginning ? "" : " -n"}\n`));
    connection.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = (lines.pop() ?? "").slice(-MAX_LINE);
      for (const line of lines) {
        const news = parseNews(line);
        if (news !== undefined && this.#connection === connection) this.#heard(news);
      }
    });
    // The end of the engine is noticed elsewhere.
    connection.on("error", () => {});
    connection.on("close", () => {
      if (this.#connection !== connection) return;
      this.#timer = setTimeout(() => this.attach({ fromBeginning: false }), AGAIN_MS);
      this.#timer.unref();
    });
    connection.unref();
  }

  detach(): void {
    clearTimeout(this.#timer);
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}
