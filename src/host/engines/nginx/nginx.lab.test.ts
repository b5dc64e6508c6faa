/**
 * The driver with the real nginx, each scenario in network, mount and process namespaces of its own (see
 * fixtures/scenarios.ts). Needs root and nginx.
 */

import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { findProgram } from "../programs.ts";
import { LIMIT_MS, playScenario } from "../scenario.fixture.ts";
import { PROGRAM } from "./program.ts";

const SCENARIOS = fileURLToPath(new URL("./fixtures/scenarios.ts", import.meta.url));
const LACKS = process.getuid?.() !== 0 || findProgram(PROGRAM) === undefined;

function lab<T>(scenario: string, options: object = {}): Promise<T> {
  return playScenario({ file: SCENARIOS, scenario, options });
}

describe.skipIf(LACKS)("the driver of nginx (needs root and nginx)", { timeout: LIMIT_MS }, () => {
  test("proxy and files in one: limits, headers, logs, timeouts, large bodies through workers that are not root", async () => {
    type Facts = Record<string, unknown> & { staticLog: string[]; log: string[]; workers: string[] };
    const seen = await lab<Facts>("rows");
    expect(seen).toMatchObject({
      by: "start",
      spread: [5, 5],
      hit: [200, "a picture"],
      askedForHit: 0,
      miss: [200, "member"],
      told: ["www.example.com", "127.0.0.1", "127.0.0.1"],
      // As it was sent; but what the request line names goes first (RFC 9112, section 3.2.2).
      hosts: ["Example.com:8080", "www.example.com"],
      small: 200,
      received: 29 * 1_048_576,
      large: 413,
      slow: 504,
      big: 5_000_000,
      serverErrors: 1,
    });
    expect(seen.staticLog.map((line) => /"GET (\S+) /.exec(line)?.[1])).toEqual(["/here.jpg"]);
    // What the tree lacked is the pool's, and so is its line.
    expect(seen.log.filter((line) => line.includes("/none.png"))).toHaveLength(1);
    for (const line of [...seen.staticLog, ...seen.log]) expect(line).toMatch(/^127\.0\.0\.1 - - \[/);
    expect(seen.workers).toEqual(["root", "www-data"]);
  });

  test("absent addresses can be listened on while it runs; what was found before comes back, also after a daemon's death", async () => {
    expect(await lab("nonlocal")).toEqual({
      before: ["0", "0"],
      checked: true,
      afterCheck: ["0", "0"],
      by: "start",
      during: ["1", "1"],
      isAdopted: true,
      again: "nothing",
      after: ["0", "0"],
      left: [],
    });
  });

  test("a killed master is told at once, starts again at once, and requests under way end well", async () => {
    const seen = await lab<{ toldMs: number; backMs: number }>("killed");
    expect(seen).toMatchObject({ state: "stopped", by: "start", first: 200, underWay: "slow", kinds: ["ended"] });
    expect(seen.toldMs).toBeLessThan(200);
    expect(seen.backMs).toBeLessThan(1_000);
  });

  test("a port that somebody has is named, the former config goes on and its files come back", async () => {
    const seen = await lab<{ said: string }>("refused");
    expect(seen.said).toMatch(/^ENGINE_RELOAD_FAILED nginx: bind\(\) to 127\.0\.0\.1:8090 failed/);
    expect(seen).toMatchObject({ header: "1", isBack: true, later: "reload", headerAfter: "2", leftover: 1 });
  });

  test("header values come through as they are written", async () => {
    // What the cluster file allows: visible ASCII and spaces within, no dollar sign, no backslash.
    const unit = fc
      .integer({ min: 33, max: 126 })
      .map((code) => String.fromCharCode(code))
      .filter((character) => !"$\\".includes(character));
    const text = fc.string({ unit, minLength: 1, maxLength: 20 });
    const drawn = fc.sample(
      fc.tuple(text, text).map(([one, other]) => `${one} ${other}`),
      60,
    );
    const texts = [`default-src 'self'; img-src "*" {a} # b`, `"`, "'", ";", "{}", "#", "%{x}", ...drawn];
    const seen = await lab<{ by: string; answered: string[]; told: string[] }>("values", { texts });
    expect(seen.by).toBe("start");
    expect(seen.answered).toEqual(texts);
    expect(seen.told).toEqual(texts);
  });

  test("sources and hidden files are never served from a tree, and a redirect stays where it leads", async () => {
    type Facts = { paths: string[]; answers: Record<string, string[]>; locations: string[] };
    const { paths, answers, locations } = await lab<Facts>("sources");
    const served = (name: string): string[] => paths.filter((_, index) => answers[name]?.[index] === "file");
    for (const name of ["all", "paths", "prefix", "alone"])
      expect(served(name), name).toEqual(["/page.html", "/.well-known/x", "/api/page.html"]);
    expect(served("html")).toEqual(["/page.html", "/api/page.html"]);
    expect(new Set(answers["all"])).toEqual(new Set(["file", "member"]));
    expect(new Set(answers["alone"])).toEqual(new Set(["file", "404"]));
    expect(locations).toEqual(["/evil.example/", "/evil.example", "/a?b=c", "/?b=c", "/", "/new"]);
  });

  test("who is told to end while it starts leaves nothing behind", async () => {
    expect(await lab("endedEarly")).toEqual({ left: ["0", "0", "0", "0", "0", "0", "0"], settings: ["0", "0"] });
  });

  test("1,000 sites with 5,000 members are rendered, checked, started and reloaded within seconds", async () => {
    type Facts = { renderMs: number; checkMs: number; startMs: number; reloadMs: number; complaints: string[] };
    const seen = await lab<Facts>("many");
    console.log(JSON.stringify(seen));
    expect(seen.complaints).toEqual([]);
    expect(seen).toMatchObject({ checked: true });
    for (const value of [seen.renderMs, seen.checkMs, seen.startMs, seen.reloadMs]) expect(value).toBeLessThan(10_000);
  });
});
