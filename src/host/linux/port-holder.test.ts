import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import { expect, test } from "vitest";

import { findPortHolder } from "./port-holder.ts";

test("the program that listens on a port is found, on either family, and nobody where nobody listens", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    expect(await findPortHolder(port)).toEqual({ pid: process.pid, program: expect.stringMatching(/^node/) });
    await new Promise((resolve) => server.close(resolve));
    expect(await findPortHolder(port)).toBeUndefined();
  }
});
