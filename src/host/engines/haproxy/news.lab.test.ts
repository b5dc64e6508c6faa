/** The follower of news on a socket that misbehaves as HAProxy's may: it closes, is away for a while, and comes back. */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type MemberNews, NewsFollower } from "./news.ts";

async function until(look: () => boolean): Promise<void> {
  const limit = performance.now() + 10_000;
  while (!look()) {
    if (performance.now() > limit) throw new Error(`not within 10 s: ${look.toString()}`);
    await sleep(5);
  }
}

test("a connection that HAProxy closes is made anew, for new lines only, until the follower lets go", async () => {
  const folder = mkdtempSync(join(tmpdir(), "news-"));
  const socket = join(folder, "runtime.sock");
  const asked: string[] = [];
  const connections: Socket[] = [];
  const listen = (): Server =>
    createServer((connection) => {
      connections.push(connection);
      connection.on("data", (text) => asked.push(String(text).trim()));
      connection.on("error", () => {});
    }).listen(socket);
  const heard: MemberNews[] = [];
  const follower = new NewsFollower({ socket, ring: "events", heard: (news) => heard.push(news) });
  const first = listen();
  try {
    follower.attach({ fromBeginning: true });
    await until(() => asked.length === 1);
    connections[0]?.write("<1>x Server apache/srv1 is DOWN, reason: Layer4 ");
    connections[0]?.write("timeout.\n");
    await until(() => heard.length === 1);
    // Silent for a day.
    connections[0]?.end();
    await until(() => asked.length === 2);
    connections[1]?.write("<5>x Server apache/srv1 is UP.\n");
    await until(() => heard.length === 2);
    expect(heard.map(({ isUp }) => isUp)).toEqual([false, true]);
    expect(asked).toEqual(["show events events -w", "show events events -w -n"]);
    // Away for a while.
    const closed = new Promise((resolve) => first.close(resolve));
    connections[1]?.destroy();
    await closed;
    const second = listen();
    await until(() => asked.length === 3);
    follower.detach();
    await until(() => connections[2]?.destroyed === true || connections[2]?.readableEnded === true);
    const count = connections.length;
    await new Promise((resolve) => second.close(resolve));
    expect(connections.length).toBe(count);
  } finally {
    follower.detach();
    rmSync(folder, { recursive: true, force: true });
  }
});
