/**
 * Names every skipped test with what it lacks, and leaves the counts in the file named by
 * `UNDERSTUDY_TEST_COUNTS` ("passed failed skipped"), for whoever prints the closing line.
 */

import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { labLacks } from "./lab-lacks.ts";

// Vitest loads a reporter by its default export.
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        counts[result.state] += 1;
        if (result.state === "failed") failedTests += 1;
        if (result.state !== "skipped") continue;
        const lacks = result.note ?? (module.project.name === "lab" ? labLacks() : undefined) ?? "no reason given";
        skipped.push(`${module.relativeModuleId}: ${test.fullName}: ${lacks}`);
      }
      // A file that cannot be loaded, or a failing hook, fails without a failed test.
      if (module.state() === "failed" && failedTests === 0) counts.failed += 1;
    }
    if (skipped.length > 0) process.stdout.write(`\n skipped:\n${skipped.map((line) => `   ${line}\n`).join("")}`);
    const file = process.env["UNDERSTUDY_TEST_COUNTS"];
    if (file) writeFileSync(file, `${counts.passed} ${counts.failed + counts.pending} ${counts.skipped}\n`);
  }
}
