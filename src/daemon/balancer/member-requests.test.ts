import { rm } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { NO_FINDINGS } from "../../core/balancer/effective.ts";
import { balancer, member, pool } from "../../core/balancer/pretended-balancer.ts";
import type { MemberWish } from "../../core/balancer/wishes.ts";
import { explain } from "../../core/node/reasons.ts";
import { withDirectory } from "../fixtures/pretended.ts";
import { MemberRequests } from "./member-requests.ts";
import { openWishStore, type WishStore } from "./wish-store.ts";

const CONFIG = balancer({
  pools: [
    pool("apache", [member("srv1", { node: "srv1" }), member("srv2", { node: "srv2" })]),
    pool("images", [member("srv1", { node: "srv1" }), member("srv2", { node: "srv2" })]),
  ],
});

interface Setting {
  readonly requests: MemberRequests;
  readonly store: WishStore;
  readonly told: string[];
  readonly stateDir: string;
  /** What telling the others does. */
  tell: () => Promise<readonly string[]>;
  standby: readonly string[];
}

async function withRequests(use: (setting: Setting) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const stateDir = join(directory, "state");
    const store = await openWishStore({ stateDir, failed: () => {} });
    const told: string[] = [];
    const setting = {
      store,
      told,
      stateDir,
      tell: async () => [] as readonly string[],
      standby: [] as readonly string[],
    };
    const requests = new MemberRequests({
      node: "srv1",
      config: () => CONFIG,
      facts: () => ({ wishes: store.book, standby: new Set(setting.standby), findings: NO_FINDINGS }),
      store,
      exchange: { tell: () => setting.tell() },
      record: ({ reason, node, facts }) => told.push(explain(reason, { node, ...facts })),
    });
    await use(Object.assign(setting, { requests }));
  });
}

const drain = (name: string, more: { on?: boolean; force?: boolean } = {}) => ({
  member: name,
  on: true,
  force: false,
  ...more,
});

test("a drain is written, told and answered in one sentence, and undone the same way", async () => {
  await withRequests(async ({ requests, store, told }) => {
    expect(await requests.drain(drain("apache/srv1"))).toEqual({
      ok: true,
      node: "srv1",
      detail: "apache/srv1 drains",
    });
    expect(store.book.get("drain/apache/srv1")).toMatchObject({ value: "on", version: 1 });
    expect(await requests.drain(drain("apache/srv1", { on: false }))).toMatchObject({
      detail: "apache/srv1 takes new visitors",
    });
    expect(store.book.get("drain/apache/srv1")).toMatchObject({ value: "off", version: 2 });
    expect(told).toEqual([
      "apache/srv1 gets no new visitors: wished by an operator at srv1",
      "apache/srv1 gets new visitors again: wished by an operator at srv1",
    ]);
  });
});

test("a forced drain is kept as one: it counts also when nobody else is left", async () => {
  await withRequests(async ({ requests, store }) => {
    expect(await requests.drain(drain("apache/srv1", { force: true }))).toMatchObject({ ok: true });
    expect(store.book.get("drain/apache/srv1")).toMatchObject({ value: "force", version: 1 });
    await requests.drain(drain("apache/srv1"));
    expect(store.book.get("drain/apache/srv1")).toMatchObject({ value: "on", version: 2 });
  });
});

test("a member's name alone means it in every pool, and an unknown one is refused with the nearest", async () => {
  await withRequests(async ({ requests }) => {
    expect(await requests.drain(drain("srv2"))).toMatchObject({ detail: "apache/srv2, images/srv2 drain" });
    expect(await requests.drain(drain("apache/srv3"))).toMatchObject({
      ok: false,
      problems: [{ code: "MEMBER_UNKNOWN", nearest: expect.stringMatching(/^apache\/srv/) }],
    });
  });
});

test("the last member for new visitors is drained only when insisted", async () => {
  await withRequests(async (setting) => {
    const { requests, store } = setting;
    setting.standby = ["srv2"];
    expect(await requests.drain(drain("apache/srv1"))).toMatchObject({
      ok: false,
      problems: [{ code: "DRAIN_LAST_MEMBER", message: "apache would have no member left for new visitors" }],
    });
    expect(await requests.weight({ member: "apache/srv1", weight: 0 })).toMatchObject({
      ok: false,
      problems: [{ code: "DRAIN_LAST_MEMBER" }],
    });
    expect(store.book.size).toBe(0);
    expect(await requests.drain(drain("apache/srv1", { force: true }))).toMatchObject({ ok: true });
  });
});

test("weights are set and given back to the cluster file", async () => {
  await withRequests(async ({ requests, store, told }) => {
    expect(await requests.weight({ member: "apache/srv1", weight: 7 })).toMatchObject({
      detail: "apache/srv1 has weight 7",
    });
    expect(store.book.get("weight/apache/srv1")?.value).toBe("7");
    expect(await requests.weight({ member: "apache/srv1", weight: undefined })).toMatchObject({
      detail: "apache/srv1 has the cluster file's weight",
    });
    expect(store.book.get("weight/apache/srv1")?.value).toBe("file");
    expect(told[0]).toBe("apache/srv1 has weight 7: wished by an operator at srv1");
  });
});

test("the answer names the nodes that did not hear it", async () => {
  await withRequests(async (setting) => {
    setting.tell = async () => ["srv2", "srv3"];
    expect(await setting.requests.drain(drain("apache/srv1"))).toMatchObject({
      ok: true,
      detail: "apache/srv1 drains; not heard by srv2, srv3, which will be told when it answers",
    });
  });
});

test("a wish that the disk does not take is refused and does not count", async () => {
  await withRequests(async ({ requests, store, stateDir, told }) => {
    await rm(stateDir, { recursive: true });
    expect(await requests.drain(drain("apache/srv1"))).toMatchObject({
      ok: false,
      problems: [{ code: "WISH_NOT_STORED", next: expect.stringContaining("disk") }],
    });
    expect(store.book.size).toBe(0);
    expect(told).toEqual([]);
  });
});

test("a wish that others know better about is stated anew: what was confirmed is what counts", async () => {
  await withRequests(async (setting) => {
    const { requests, store } = setting;
    const elsewhere: MemberWish = { key: "drain/apache/srv1", value: "off", version: 5, node: "srv2" };
    // This node lost its disk and counts from the beginning; the others answer with what they know.
    setting.tell = async () => {
      await store.take([elsewhere]);
      return [];
    };
    expect(await requests.drain(drain("apache/srv1"))).toMatchObject({ ok: true });
    expect(store.book.get(elsewhere.key)).toEqual({ ...elsewhere, value: "on", version: 6, node: "srv1" });
  });
});
