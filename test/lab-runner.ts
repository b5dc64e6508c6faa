/**
 * Runs the tests that need the real kernel, or skips every one of them by its name where the machine cannot
 * run them. Whole suites are marked before they begin, because a hook that makes namespaces would fail.
 */

import { type RunnerTask, TestRunner } from "vitest";

// Vitest loads a runner by its default export.
export default class LabRunner extends TestRunner {
  onCollected(files: RunnerTask[]): void {
    const lacks = process.env["UNDERSTUDY_LAB_LACKS"];
    if (lacks) for (const file of files) skip(file, lacks);
  }
}

function skip(task: RunnerTask, note: string): void {
  task.mode = "skip";
  if ("tasks" in task) for (const inner of task.tasks) skip(inner, note);
  else task.result = { state: "skip", note };
}
