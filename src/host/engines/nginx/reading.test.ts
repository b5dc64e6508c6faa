/** What is read from nginx and the kernel: the page with figures, words of refusal, tables of connections. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { site } from "../../../core/balancer/pretended-balancer.ts";
import type { BalancerConfig } from "../../../core/config/balancer.ts";

import { hexadecimal, remotePlaces } from "./connections.ts";
import { refusalProblems, seriousWords } from "./own-words.ts";
import { parseStatus } from "./status.ts";
import { unreadableTrees } from "./unreadable-trees.ts";

test("the page with figures, without our own question", () => {
  const page = `Active connections: 3 \nserver accepts handled requests\n 12 12 340 \nReading: 0 Writing: 2 Waiting: 1 \n`;
  expect(parseStatus(page)).toEqual({ connections: 2, requests: 340, idle: 1, underWay: 1 });
  expect(parseStatus("<html>")).toBeUndefined();
});

test("addresses as the kernel's tables write them", () => {
  expect(hexadecimal("127.0.0.1", 8080)).toBe("0100007F:1F90");
  expect(hexadecimal("::1", 80)).toBe("00000000000000000000000001000000:0050");
  expect(hexadecimal("2001:db8::11", 80)).toBe("B80D0120000000000000000011000000:0050");
});

test("only established connections count, by their far end", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   1: 0100007F:B1A2 0100007F:1F40 01 00000000:00000000
   2: 0100007F:B1A4 0100007F:1F40 06 00000000:00000000
`;
  expect([...remotePlaces(table)]).toEqual(["0100007F:1F40"]);
});

test("what nginx refuses is told once, with the line of the config that it means", () => {
  const words = `nginx: [emerg] unknown directive "wrong" in /run/x/generation-2/nginx.conf:2
2026/11/21 04:58:11 [emerg] 30338#30338: bind() to 0.0.0.0:80 failed (98: Address already in use)
2026/11/21 04:58:12 [emerg] 30338#30338: bind() to 0.0.0.0:80 failed (98: Address already in use)
2026/11/21 04:58:12 [notice] 30338#30338: try again to bind() after 500ms
`;
  expect(seriousWords(words)).toEqual([
    'unknown directive "wrong" in /run/x/generation-2/nginx.conf:2',
    "bind() to 0.0.0.0:80 failed (98: Address already in use)",
  ]);
  const problems = refusalProblems({ code: "X", words, config: "http {\n    wrong;\n}\n", next: "n" });
  expect(problems.map(({ message }) => message)).toEqual([
    'nginx: unknown directive "wrong" (wrong;)',
    "nginx: bind() to 0.0.0.0:80 failed (98: Address already in use)",
  ]);
  expect(refusalProblems({ code: "X", words: "", config: "", next: "n" })[0]?.message).toBe("nginx: it says nothing");
});

test("a tree that the workers cannot get at is told, with the folder that is closed", () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-tree-"));
  try {
    const root = join(folder, "www", "site");
    mkdirSync(root, { recursive: true });
    chmodSync(folder, 0o755);
    const tree = { root, match: [], fallback: true, expiresMs: undefined, accessLog: undefined };
    const config = { sites: [site("a.example", { static: tree })] } as unknown as BalancerConfig;
    const account = { user: "www-data", group: "www-data", userId: 4_000_000, groupId: 4_000_001 };
    expect(unreadableTrees(config, account)).toEqual([]);
    expect(unreadableTrees(config, undefined)).toEqual([]);
    chmodSync(join(folder, "www"), 0o750);
    expect(unreadableTrees(config, account)).toMatchObject([
      { code: "TREE_UNREADABLE", next: `chmod o+x ${join(folder, "www")}` },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
