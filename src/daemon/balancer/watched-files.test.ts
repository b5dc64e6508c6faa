import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { balancer, site } from "../../core/balancer/pretended-balancer.ts";
import { pause, until } from "../../lab/clock.ts";
import { withDirectory } from "../fixtures/pretended.ts";
import { filesOf, watchFiles } from "./watched-files.ts";

test("everything that a config names outside the cluster file is looked at, once each", () => {
  const tls = {
    certificates: [
      { certificate: "/c/one.pem", key: "/c/one.key" },
      { certificate: "/c/two.pem", key: undefined },
    ],
    http2: true,
    minVersion: "1.2",
  } as const;
  const stats = { address: "127.0.0.1", port: 8_404, path: "/", user: "ops", passwordFile: "/c/password" };
  const sites = [
    site("a.example", { tls, errorPages: [{ status: 503, path: "/e/503.html" }] }),
    site("b.example", { tls, errorPages: [{ status: 503, path: "/e/503.html" }] }),
  ];
  expect(filesOf(balancer({ sites, stats }))).toEqual([
    "/c/one.pem",
    "/c/one.key",
    "/c/two.pem",
    "/e/503.html",
    "/c/password",
  ]);
});

test("a pair that is replaced file by file is told once, when both are there", async () => {
  await withDirectory(async (directory) => {
    const [certificate, key] = [join(directory, "a.pem"), join(directory, "a.key")];
    await writeFile(certificate, "old");
    await writeFile(key, "old");
    const told: (readonly string[])[] = [];
    const everyMs = 40;
    const end = watchFiles({ files: () => [certificate, key], changed: (paths) => told.push(paths), everyMs });
    try {
      await pause(3 * everyMs);
      expect(told).toEqual([]);
      await writeFile(`${certificate}.new`, "new");
      await rename(`${certificate}.new`, certificate);
      await writeFile(`${key}.new`, "new");
      await rename(`${key}.new`, key);
      await until("it was told", () => told.length > 0);
      await pause(3 * everyMs);
      expect(told).toEqual([[certificate, key]]);
    } finally {
      end();
    }
  });
});

test("a file that goes away and comes back is told each time, and a new one in the config is no change", async () => {
  await withDirectory(async (directory) => {
    const [one, two] = [join(directory, "one"), join(directory, "two")];
    await writeFile(one, "1");
    await writeFile(two, "2");
    let files = [one];
    const told: string[] = [];
    const end = watchFiles({ files: () => files, changed: (paths) => told.push(...paths), everyMs: 20 });
    try {
      await pause(60);
      files = [one, two];
      await pause(60);
      expect(told).toEqual([]);
      await rename(two, `${two}.away`);
      await until("its loss was told", () => told.length === 1);
      await rename(`${two}.away`, two);
      await until("its return was told", () => told.length === 2);
      expect(told).toEqual([two, two]);
    } finally {
      end();
    }
  });
});
