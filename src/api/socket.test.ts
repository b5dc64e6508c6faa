import { link, rename, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { join } from "node:path";

import { expect, test } from "vitest";

import { withDirectory } from "../daemon/fixtures/pretended.ts";
import { isAnswering, listenOnSocket, lockRuntimeDir, socketPath } from "./socket.ts";

async function withListener(path: string, use: (server: Server) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => response.end());
  await listenOnSocket(server, path);
  try {
    await use(server);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test("the socket is for its owner and group only", async () => {
  await withDirectory(async (directory) => {
    const path = socketPath(directory);
    await withListener(path, async () => {
      expect((await stat(path)).mode & 0o777).toBe(0o660);
      expect(await isAnswering(path)).toBe(true);
    });
    expect(await isAnswering(path)).toBe(false);
  });
});

test("a socket left by a crashed daemon is replaced", async () => {
  await withDirectory(async (directory) => {
    const path = socketPath(directory);
    // A bound socket whose process is gone: a second name keeps it when the server removes the first.
    await withListener(path, async () => {
      await link(path, `${path}.kept`);
    });
    await rename(`${path}.kept`, path);
    expect(await isAnswering(path)).toBe(false);
    await withListener(path, async () => {
      expect(await isAnswering(path)).toBe(true);
    });
  });
});

test("a runtime directory serves one daemon at a time, and several directories several", async () => {
  await withDirectory(async (directory) => {
    const first = await lockRuntimeDir(join(directory, "a"));
    const other = await lockRuntimeDir(join(directory, "b"));
    expect(first).toBeDefined();
    expect(other).toBeDefined();
    expect(await lockRuntimeDir(join(directory, "a"))).toBeUndefined();
    expect(await lockRuntimeDir(join(directory, "b", "..", "a"))).toBeUndefined();
    await new Promise((resolve) => first?.close(resolve));
    const again = await lockRuntimeDir(join(directory, "a"));
    expect(again).toBeDefined();
    again?.close();
    other?.close();
  });
});

test("a directory whose socket answers is taken even without the lock", async () => {
  await withDirectory(async (directory) => {
    await withListener(socketPath(directory), async () => {
      expect(await lockRuntimeDir(directory)).toBeUndefined();
    });
  });
});
