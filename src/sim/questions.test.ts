import { expect, test } from "vitest";
import type { Instant } from "../core/base/time.ts";
import type { AskEffect } from "../core/node/effects.ts";
import { Questions } from "./questions.ts";

const at = (ms: number): Instant => ms as Instant;
const question: AskEffect = { kind: "ask", link: 0, probe: "arp", address: "192.0.2.1", mac: undefined };
const MAC = "02:00:00:00:00:01";

test("an answer belongs to the oldest question that its sender has not answered yet", () => {
  const questions = new Questions();
  questions.began(at(1_000));
  questions.ask(question, at(1_000));
  questions.began(at(1_010));
  questions.ask(question, at(1_010));
  questions.began(at(1_011));
  expect(questions.answered(question, MAC)).toBe(1_000);
  expect(questions.answered(question, MAC)).toBe(1_010);
  expect(questions.answered(question, "02:00:00:00:00:02")).toBe(1_000);
});

test("a copy that waited beside the first answer is not taken for the answer to a question asked meanwhile", () => {
  const questions = new Questions();
  questions.began(at(1_000));
  questions.ask(question, at(1_000));
  // Frozen from 1,001 on; at 1,075 two copies of the answer wait.
  questions.began(at(1_001));
  expect(questions.answered(question, MAC)).toBe(1_000);
  questions.ask(question, at(1_075));
  expect(questions.answered(question, MAC)).toBe(1_000);
  // What is read later may be its answer.
  questions.began(at(1_076));
  expect(questions.answered(question, MAC)).toBe(1_075);
});
