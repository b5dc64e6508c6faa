import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { MemberWish } from "../../core/balancer/wishes.ts";
import { stateWish } from "../../core/balancer/wishes.ts";
import { until } from "../../lab/clock.ts";
import { withDirectory } from "../fixtures/pretended.ts";
import { openWishStore } from "./wish-store.ts";

const KEY = "drain/apache/srv1";

function open(stateDir: string, failures: Error[] = []) {
  return openWishStore({ stateDir, failed: (error) => failures.push(error), retryMs: 20 });
}

function wish(value: string, version: number, key = KEY): MemberWish {
  return { key, value, version, node: "srv2" };
}

test("a wish is on disk before it is confirmed, and there again after a restart", async () => {
  await withDirectory(async (stateDir) => {
    const store = await open(stateDir);
    const told: (readonly MemberWish[])[] = [];
    store.onChange((changed) => told.push(changed));
    await store.state((book) => [stateWish(book, { key: KEY, value: "on", node: "srv1" })]);
    expect(JSON.parse(await readFile(join(stateDir, "member-wishes.json"), "utf8"))).toMatchObject({
      wishes: [{ key: KEY, value: "on", version: 1, node: "srv1" }],
    });
    expect(told).toHaveLength(1);
    expect([...(await open(stateDir)).book.values()]).toEqual([{ key: KEY, value: "on", version: 1, node: "srv1" }]);
  });
});

test("a wish that the disk refuses does not count, and what others tell meanwhile does", async () => {
  await withDirectory(async (directory) => {
    const stateDir = join(directory, "state");
    const failures: Error[] = [];
    const store = await open(stateDir, failures);
    await rm(stateDir, { recursive: true });
    await expect(store.state((book) => [stateWish(book, { key: KEY, value: "on", node: "srv1" })])).rejects.toThrow();
    expect(store.book.size).toBe(0);
    await store.take([wish("on", 3)]);
    expect(store.book.get(KEY)).toEqual(wish("on", 3));
    expect(failures).toHaveLength(1);
    await mkdir(stateDir);
    await until("the disk took it", async () => (await open(stateDir)).book.get(KEY)?.version === 3);
    store.close();
  });
});

test("what is stated and told at once is all in the last file", async () => {
  await withDirectory(async (stateDir) => {
    const store = await open(stateDir);
    const keys = Array.from({ length: 20 }, (_, index) => `drain/apache/m${index}`);
    await Promise.all(
      keys.map((key, index) =>
        index % 2 === 0
          ? store.state((book) => [stateWish(book, { key, value: "on", node: "srv1" })])
          : store.take([wish("on", 1, key)]),
      ),
    );
    expect([...(await open(stateDir)).book.keys()].toSorted()).toEqual(keys.toSorted());
  });
});

test("a file that cannot be understood is set aside with its reason, and the node begins with nothing", async () => {
  const broken = ["{", "[]", "7", '{"version":2,"wishes":[]}', '{"version":1,"wishes":[{"key":"x"}]}', '{"version":1}'];
  for (const text of broken) {
    await withDirectory(async (stateDir) => {
      const path = join(stateDir, "member-wishes.json");
      await writeFile(path, text);
      const store = await open(stateDir);
      expect(store.book.size).toBe(0);
      expect(store.setAside).toMatchObject({ file: `${path}.corrupt`, detail: expect.stringMatching(/./) });
      expect(await readFile(`${path}.corrupt`, "utf8")).toBe(text);
      await store.state((book) => [stateWish(book, { key: KEY, value: "on", node: "srv1" })]);
      expect((await open(stateDir)).setAside).toBeUndefined();
    });
  }
});

test("what stands in the file's place and cannot be read at all is set aside as well", async () => {
  await withDirectory(async (stateDir) => {
    const path = join(stateDir, "member-wishes.json");
    await mkdir(path);
    const store = await open(stateDir);
    expect(store.setAside).toMatchObject({ file: `${path}.corrupt`, detail: expect.stringMatching(/EISDIR/) });
    await store.state((book) => [stateWish(book, { key: KEY, value: "on", node: "srv1" })]);
    expect((await open(stateDir)).book.size).toBe(1);
  });
});

test("only root reads the file, and a missing one is no event", async () => {
  await withDirectory(async (stateDir) => {
    await chmod(stateDir, 0o755);
    const store = await open(stateDir);
    expect(store.setAside).toBeUndefined();
    await store.take([wish("on", 1)]);
    const { mode } = await import("node:fs/promises").then(({ stat }) => stat(join(stateDir, "member-wishes.json")));
    expect(mode & 0o777).toBe(0o600);
  });
});
