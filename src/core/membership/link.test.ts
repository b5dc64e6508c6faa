import { expect, test } from "vitest";
import { MAX_SENT_REMEMBERED } from "../base/limits.ts";
import { instant } from "../base/time.ts";
import { Link } from "./link.ts";

test("A sequence is dated by when it left on this link, and one that left on another has no date here", () => {
  const link = new Link(0);
  link.noteSent(1, instant(5));
  link.noteSent(3, instant(7));
  expect([link.sentAt(1), link.sentAt(2), link.sentAt(3)]).toEqual([5, undefined, 7]);
});

test("A sequence that was never sent, or is too old to remember, has no date", () => {
  const link = new Link(0);
  for (let time = 1; time <= MAX_SENT_REMEMBERED + 10; time++) link.noteSent(time, instant(time));
  expect(link.sentAt(0)).toBeUndefined();
  expect(link.sentAt(-3)).toBeUndefined();
  expect(link.sentAt(10)).toBeUndefined();
  expect(link.sentAt(11)).toBe(11);
  expect(link.sentAt(MAX_SENT_REMEMBERED + 10)).toBe(MAX_SENT_REMEMBERED + 10);
  expect(link.sentAt(MAX_SENT_REMEMBERED + 11)).toBeUndefined();
});

test("A peer's restart forgets what was heard and keeps when ours left", () => {
  const link = new Link(0);
  link.noteSent(1, instant(1));
  link.sequence = 40;
  link.heardAt = instant(2);
  link.restart();
  expect(link.sequence).toBe(0);
  expect(link.heardAt).toBe(2);
  expect(link.sentAt(1)).toBe(1);
});
