import fc from "fast-check";
import { expect, test } from "vitest";
import type { PathMatch } from "./balancer.ts";
import { covers, findRedirectLoop, fits } from "./path-rules.ts";

const prefix = (text: string): PathMatch => ({ kind: "prefix", text });
const exact = (text: string): PathMatch => ({ kind: "exact", text });
const suffix = (text: string): PathMatch => ({ kind: "suffix", text });

test("a folder fits itself and what is below it, and no neighbour", () => {
  expect(["/api", "/api/", "/api/x"].map((path) => fits(prefix("/api"), path))).toEqual([true, true, true]);
  expect(["/apix", "/", "/x/api"].map((path) => fits(prefix("/api"), path))).toEqual([false, false, false]);
  expect(["/api/", "/api/x", "/api"].map((path) => fits(prefix("/api/"), path))).toEqual([true, true, false]);
  expect(fits(prefix("/"), "/anything")).toBe(true);
});

test("an exact rule fits one path, an ending minds no case", () => {
  expect(fits(exact("/a"), "/a")).toBe(true);
  expect(fits(exact("/a"), "/a/")).toBe(false);
  expect(fits(suffix(".jpg"), "/x/Y.JPG")).toBe(true);
  expect(fits(suffix(".jpg"), "/x.jpg/y")).toBe(false);
});

test("a rule that covers another fits whatever the other fits", () => {
  const segment = fc.constantFrom("a", "b", "a.x", "b.X");
  const path = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
  const match = fc.oneof(path.map(prefix), path.map(exact), fc.constantFrom(".x", "/b.x", ".y").map(suffix));
  let covered = 0;
  fc.assert(
    fc.property(match, match, path, (earlier, later, asked) => {
      if (!covers(earlier, later)) return;
      covered++;
      if (fits(later, asked)) expect(fits(earlier, asked)).toBe(true);
    }),
    { numRuns: 500 },
  );
  expect(covered).toBeGreaterThan(20);
});

test("redirects that lead back are found, and those that lead out are not", () => {
  const rule = (match: PathMatch, to: string, keepRest = match.kind === "prefix") => ({
    match,
    to,
    keepRest,
    status: 301 as const,
  });
  expect(findRedirectLoop([rule(prefix("/a"), "/b"), rule(prefix("/b"), "/a")])).toEqual([0, 1]);
  expect(findRedirectLoop([rule(prefix("/a"), "/b"), rule(prefix("/b"), "/c")])).toEqual([]);
  expect(findRedirectLoop([rule(prefix("/a"), "/a/b")])).toEqual([0]);
  expect(findRedirectLoop([rule(prefix("/"), "https://www.example.com")])).toEqual([]);
  expect(findRedirectLoop([rule(exact("/"), "/start"), rule(prefix("/"), "/x", false)])).toEqual([0, 1]);
  expect(findRedirectLoop([rule(suffix(".php"), "/index.php?page=1")])).toEqual([0]);
  expect(findRedirectLoop([rule(prefix("/x/a"), "/y"), rule(prefix("/y"), "/x"), rule(prefix("/x"), "/z")])).toEqual(
    [],
  );
  // Slashes are joined: `/a//b` leads to `/b`.
  expect(findRedirectLoop([rule(exact("/x"), "/a//b"), rule(prefix("/a"), "/"), rule(exact("/b"), "/x")])).toEqual([
    0, 2,
  ]);
});
