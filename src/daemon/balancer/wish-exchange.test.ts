/** Wishes between nodes, with real stores and an exchange that can be cut; the channel itself has its own tests. */

import { join } from "node:path";

import { expect, test } from "vitest";

import { readWish, stateWish } from "../../core/balancer/wishes.ts";
import type { MemberWish } from "../../core/balancer/wishes.ts";
import { until } from "../../lab/clock.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import { withDirectory } from "../fixtures/pretended.ts";
import { WishExchange } from "./wish-exchange.ts";
import { openWishStore, type WishStore } from "./wish-store.ts";

const KEY = "drain/apache/srv1";

interface Node {
  readonly name: string;
  store: WishStore;
  readonly exchange: WishExchange;
  readonly asked: Question[];
}

class Cluster {
  readonly nodes = new Map<string, Node>();
  readonly cut = new Set<string>();
  readonly cutPairs = new Set<string>();

  async add(name: string, peers: readonly string[], directory: string): Promise<Node> {
    const store = await openWishStore({ stateDir: join(directory, name), failed: () => {} });
    const asked: Question[] = [];
    const ask = async (peer: string, question: Question): Promise<PeerAnswer> => {
      asked.push(question);
      return await this.#answer(name, peer, question);
    };
    const exchange = new WishExchange({ peers, store, ask, pullEveryMs: 50, firstPauseMs: 10, warnAfterMs: 0 });
    const node: Node = { name, store, exchange, asked };
    this.nodes.set(name, node);
    return node;
  }

  async #answer(from: string, to: string, question: Question): Promise<PeerAnswer> {
    const node = this.nodes.get(to);
    const isCut = this.cut.has(from) || this.cut.has(to) || this.cutPairs.has([from, to].toSorted().join(" "));
    if (node === undefined || isCut) throw new Error("no answer in time");
    // As it travels.
    const body = (value: unknown): PeerAnswer => ({
      status: 200,
      body: JSON.parse(JSON.stringify(value)),
      pid: 1,
      version: "1",
    });
    if (question.method === "GET") return body([...node.store.book.values()]);
    const told = (question.body as unknown[]).flatMap((value) => readWish(value) ?? []);
    await node.store.take(told);
    node.exchange.told(from, told);
    return body(told.flatMap((wish) => newer(node.store, wish)));
  }

  close(): void {
    for (const { exchange, store } of this.nodes.values()) {
      exchange.close();
      store.close();
    }
  }
}

function newer(store: WishStore, wish: MemberWish): MemberWish[] {
  const mine = store.book.get(wish.key);
  return mine === undefined || JSON.stringify(mine) === JSON.stringify(wish) ? [] : [mine];
}

async function withThree(use: (one: Node, two: Node, three: Node, cluster: Cluster) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const cluster = new Cluster();
    const names = ["srv1", "srv2", "srv3"];
    const [one, two, three] = await Promise.all(
      names.map((name) =>
        cluster.add(
          name,
          names.filter((other) => other !== name),
          directory,
        ),
      ),
    );
    try {
      await use(one as Node, two as Node, three as Node, cluster);
    } finally {
      cluster.close();
    }
  });
}

function state(node: Node, value: string, key = KEY): Promise<void> {
  return node.store.state((book) => [stateWish(book, { key, value, node: node.name })]);
}

test("a wish is at all nodes when the telling is over", async () => {
  await withThree(async (one, two, three) => {
    await state(one, "on");
    expect(await one.exchange.tell()).toEqual([]);
    for (const node of [two, three]) expect(node.store.book.get(KEY)).toMatchObject({ value: "on", node: "srv1" });
    expect(one.exchange.unheard().size).toBe(0);
  });
});

test("a node that did not hear is named, and told as soon as it answers", async () => {
  await withThree(async (one, two, three, cluster) => {
    cluster.cut.add("srv3");
    await state(one, "on");
    expect(await one.exchange.tell()).toEqual(["srv3"]);
    expect(two.store.book.get(KEY)?.value).toBe("on");
    expect([...one.exchange.unheard()]).toEqual([["srv3", 1]]);
    cluster.cut.delete("srv3");
    await until("it heard", () => three.store.book.get(KEY)?.value === "on");
    await until("it is known to have heard", () => one.exchange.unheard().size === 0);
  });
});

test("a node passes on what it learned, to whom the first could not tell, and who told it is not told again", async () => {
  await withThree(async (one, two, three, cluster) => {
    cluster.cutPairs.add("srv1 srv3");
    await state(one, "on");
    expect(await one.exchange.tell()).toEqual(["srv3"]);
    await until("srv3 heard it from srv2", () => three.store.book.get(KEY)?.value === "on");
    await until("srv2 knows that all know", () => two.exchange.unheard().size === 0);
    expect(two.asked.filter(({ method }) => method === "POST")).toHaveLength(1);
  });
});

test("a wish confirmed at an isolated node counts by the rule when the nodes meet again", async () => {
  await withThree(async (one, two, three, cluster) => {
    await state(one, "on");
    await one.exchange.tell();
    cluster.cut.add("srv3");
    // Equally far apart: the drain wins over its end, wherever it was stated.
    await state(two, "off");
    await two.exchange.tell();
    await state(three, "off");
    await state(three, "on");
    await state(three, "off", "drain/apache/srv2");
    await state(one, "on", "drain/apache/srv2");
    await one.exchange.tell();
    cluster.cut.delete("srv3");
    three.exchange.cameBack("srv1");
    three.exchange.cameBack("srv2");
    const values = (node: Node) => [node.store.book.get(KEY)?.value, node.store.book.get("drain/apache/srv2")?.value];
    for (const node of [one, two, three]) {
      // srv3 said more about the first since they met; about the second both said one thing, and the drain wins.
      await until(`${node.name} agrees`, () => JSON.stringify(values(node)) === JSON.stringify(["on", "on"]));
    }
  });
});

test("a node learns at its start what was wished while it was away, and tells what only it knows", async () => {
  await withThree(async (one, _two, three, cluster) => {
    cluster.cut.add("srv3");
    await state(one, "on");
    await state(three, "5", "weight/apache/srv2");
    cluster.cut.delete("srv3");
    three.exchange.start();
    await until("srv3 knows", () => three.store.book.get(KEY)?.value === "on");
    await until("srv1 knows", () => one.store.book.get("weight/apache/srv2")?.value === "5");
  });
});

test("a node that lost its disk is told again, though it had confirmed everything", async () => {
  await withDirectory(async (directory) => {
    await withThree(async (one, two, _three, cluster) => {
      one.exchange.start();
      await state(one, "on");
      await one.exchange.tell();
      expect(two.store.book.get(KEY)?.value).toBe("on");
      two.store = await openWishStore({ stateDir: join(directory, "new-disk"), failed: () => {} });
      cluster.nodes.set("srv2", two);
      await until("it knows again", () => two.store.book.get(KEY)?.value === "on");
    });
  });
});

test("five thousand wishes travel in requests of bounded size", async () => {
  await withThree(async (one, two) => {
    await one.store.state(() =>
      Array.from({ length: 5_000 }, (_, index) => ({
        key: `drain/${"p".repeat(63)}/${String(index).padStart(63, "m")}`,
        value: "on",
        version: 1,
        node: "n".repeat(63),
      })),
    );
    expect(await one.exchange.tell()).toEqual([]);
    expect(two.store.book.size).toBe(5_000);
    const sizes = one.asked.map(({ body }) => JSON.stringify(body ?? "").length);
    expect(Math.max(...sizes)).toBeLessThan(65_536);
  });
});
