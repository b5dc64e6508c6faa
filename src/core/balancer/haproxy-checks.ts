/** How HAProxy finds out whether members answer. */

import type { CheckConfig, HttpProbe } from "../config/balancer.ts";
import { time, word } from "./haproxy-words.ts";

/** Lines of a backend about its checks. */
export function checkLines(check: CheckConfig): readonly string[] {
  const { probe, timeoutMs } = check;
  return [`timeout check ${time(timeoutMs)}`, ...(probe.kind === "http" ? httpLines(probe) : [])];
}

function httpLines({ method, path, host, expect }: HttpProbe): readonly string[] {
  // Without a name to ask for, only HTTP/1.0 may leave out the Host header.
  const version = host === undefined ? "ver HTTP/1.0" : `ver HTTP/1.1 hdr Host ${word(host)}`;
  const lines = ["option httpchk", `http-check send meth ${method} uri ${word(path)} ${version}`];
  if (expect.kind === "text")
    return [...lines, "http-check expect status 200-399", `http-check expect string ${word(expect.text)}`];
  const codes = expect.ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
  return [...lines, `http-check expect status ${codes}`];
}

/** What all servers of a checked backend have in common. */
export function checkWords({ everyMs, fall, rise, port }: CheckConfig): readonly string[] {
  const words = ["check", `inter ${time(everyMs)}`, `fall ${fall}`, `rise ${rise}`];
  return port === undefined ? words : [...words, `port ${port}`];
}
