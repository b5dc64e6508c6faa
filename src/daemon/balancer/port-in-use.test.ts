import { expect, test } from "vitest";

import type { Problem } from "../../core/base/report.ts";
import { explainPortInUse } from "./port-in-use.ts";

const find = async (port: number) => (port === 80 ? { pid: 812, program: "apache2" } : undefined);

function said(message: string): Problem {
  return { code: "ENGINE_NOT_STARTED", severity: "error", message, next: "look" };
}

test("whoever has the port is named, in the words of either engine", async () => {
  const words = [
    "[ALERT] (1) : Starting frontend f: cannot bind socket (Address already in use) [192.0.2.10:80]",
    "Starting frontend f: cannot bind socket (Address already in use) [:::80]",
    "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
    "nginx: [emerg] bind() to [2001:db8::10]:80 failed (98: Address already in use)",
  ];
  for (const message of words) {
    const explained = await explainPortInUse(said(message), find);
    expect(explained.message).toBe(`${message}; apache2 (process 812) listens on port 80`);
    expect(explained.next).toContain("stop apache2");
  }
});

test("other complaints, and ports of which nobody is seen, stay as they are", async () => {
  for (const message of [
    "unknown keyword 'bidn' [192.0.2.10:80]",
    "bind() to 0.0.0.0:443 failed (98: Address already in use)",
  ]) {
    expect(await explainPortInUse(said(message), find)).toEqual(said(message));
  }
});
