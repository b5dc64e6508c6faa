import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { LatestWriter } from "./atomic-file.ts";
import { withDirectory } from "./fixtures/pretended.ts";
import { openStore } from "./store.ts";
import type { StoredState } from "./store.ts";

const state: StoredState = {
  epochs: { www: 32 },
  wishes: [{ key: "standby/srv1", value: "on", version: 3, node: "srv2" }],
};

function failOnError(error: Error): void {
  throw error;
}

test("what was saved is there at the next start, readable by nobody else", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "state");
    const store = await openStore(path, failOnError);
    expect(store.initial).toEqual({ epochs: {}, wishes: [] });
    store.save({ epochs: { www: 16 }, wishes: [] });
    store.save(state);
    await store.flush();
    const again = await openStore(path, failOnError);
    expect(again.initial).toEqual(state);
    expect(again.setAside).toBeUndefined();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, "state.json"))).mode & 0o777).toBe(0o600);
    expect(await readdir(path)).toEqual(["state.json"]);
  });
});

test("a file that cannot be understood is set aside, told, and the node begins with nothing", async () => {
  const broken = [
    "",
    "{",
    "null",
    "[]",
    `{"version":2,"epochs":{},"wishes":[]}`,
    `{"version":1,"epochs":{"www":-1},"wishes":[]}`,
    `{"version":1,"epochs":{"www":1.5},"wishes":[]}`,
    `{"version":1,"epochs":{},"wishes":[{"key":1}]}`,
    `{"version":1,"epochs":{}}`,
  ];
  for (const text of broken) {
    await withDirectory(async (directory) => {
      const path = join(directory, "state.json");
      await writeFile(path, text);
      const store = await openStore(directory, failOnError);
      expect(store.initial, text).toEqual({ epochs: {}, wishes: [] });
      expect(store.setAside?.file).toBe(`${path}.corrupt`);
      expect(await readFile(`${path}.corrupt`, "utf8")).toBe(text);
      store.save(state);
      await store.flush();
      expect((await openStore(directory, failOnError)).initial).toEqual(state);
    });
  }
});

test("a disk that refuses is told, and the next value is tried again", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "gone", "file");
    const failures: string[] = [];
    const writer = new LatestWriter(path, (error) => failures.push(error.message));
    writer.write("one");
    await writer.flush();
    expect(failures).toHaveLength(1);
    await mkdir(join(directory, "gone"));
    writer.write("two");
    await writer.flush();
    expect(await readFile(path, "utf8")).toBe("two");
    await rm(path);
  });
});

test("while one write runs only the newest value waits", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "file");
    const writer = new LatestWriter(path, failOnError);
    for (let value = 0; value <= 1_000; value += 1) writer.write(String(value));
    await writer.flush();
    expect(await readFile(path, "utf8")).toBe("1000");
  });
});

test("a refused write is told once and tried again until the disk takes it", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "state");
    const told: string[] = [];
    const store = await openStore(path, (error) => told.push(error.message), { retryMs: 5 });
    // A directory where the temporary file should be: no write can succeed.
    await mkdir(join(path, "state.json.new"));
    await writeFile(join(path, "state.json.new", "in-the-way"), "");
    store.save({ epochs: { www: 16 }, wishes: [] });
    await store.flush();
    store.save(state);
    await store.flush();
    expect(told).toHaveLength(1);
    await rm(join(path, "state.json.new"), { recursive: true });
    await expect.poll(() => readFile(join(path, "state.json"), "utf8").catch(() => "")).toContain("32");
  });
});

test("while the disk refuses, a restart finds the epochs and wishes in the runtime directory", async () => {
  await withDirectory(async (directory) => {
    const [path, runtimeDir] = [join(directory, "state"), join(directory, "run")];
    await mkdir(runtimeDir);
    const store = await openStore(path, failOnError, { runtimeDir });
    store.save({ epochs: { www: 1_616, mail: 1_616 }, wishes: [] });
    await store.flush();
    await mkdir(join(path, "state.json.new"));
    const full = await openStore(path, () => {}, { runtimeDir });
    full.save({ epochs: { www: 3_232, mail: 16 }, wishes: state.wishes });
    await full.flush();
    await full.flush();
    await full.end();
    const { initial } = await openStore(path, () => {}, { runtimeDir });
    expect(initial).toEqual({ epochs: { www: 3_232, mail: 1_616 }, wishes: state.wishes });
    await writeFile(join(runtimeDir, "state.json"), "{");
    const last = await openStore(path, () => {}, { runtimeDir });
    expect(last.initial.epochs).toEqual({ www: 1_616, mail: 1_616 });
    await rm(join(path, "state.json.new"), { recursive: true });
    last.save(state);
    await last.flush();
    await last.end();
    expect(await readdir(runtimeDir)).toEqual([]);
  });
});
