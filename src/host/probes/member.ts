/**
 * A check of a pool's member, for engines that have none of their own: a connection, or one HTTP request on a fresh
 * connection. What fails on our own side (no descriptor left, or we were too busy to look in time) says nothing about
 * the member: unknown.
 */

import { request } from "node:http";
import { connect } from "node:net";

import type { CheckConfig, HttpProbe } from "../../core/config/balancer.ts";
import { explainError } from "./http.ts";
import type { ProbeResult } from "./outcome.ts";

/** Text is looked for in so much of a body. */
const BODY_LIMIT_BYTES = 65_536;
/** A limit that is noticed so much too late is our own lateness. */
const LATE_MS = 100;

export interface MemberProbe {
  readonly address: string;
  readonly port: number;
  readonly probe: CheckConfig["probe"];
  /** For the whole exchange. */
  readonly timeoutMs: number;
}

/** Asks once; never rejects and never takes much longer than the limit. */
export function probeMember({ address, port, probe, timeoutMs }: MemberProbe): Promise<ProbeResult> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let end = (): void => {};
    const settle: Settle = (outcome, detail) => {
      clearTimeout(timer);
      const done = end;
      end = () => {};
      done();
      resolve({
        outcome,
        detail: outcome === "up" ? `${detail} after ${Math.round(performance.now() - startedMs)} ms` : detail,
      });
    };
    const timer = setTimeout(() => {
      const isLate = performance.now() - startedMs - timeoutMs > LATE_MS;
      if (isLate) settle("unknown", "this node was too busy to check");
      else settle("down", `no answer within ${timeoutMs} ms`);
    }, timeoutMs);
    try {
      end = probe.kind === "tcp" ? connectOnly(address, port, settle) : ask(address, port, probe, settle);
    } catch (error) {
      settle(...explainError(error));
    }
  });
}

/** Takes the first of what it is told. */
type Settle = (outcome: ProbeResult["outcome"], detail: string) => void;

/** Returns what ends it. */
function connectOnly(host: string, port: number, settle: Settle): () => void {
  const socket = connect({ host, port });
  socket.once("connect", () => settle("up", "connected"));
  socket.on("error", (error) => settle(...explainError(error)));
  return () => socket.destroy();
}

function ask(address: string, port: number, probe: HttpProbe, settle: Settle): () => void {
  const shown = address.includes(":") ? `[${address}]` : address;
  const asked = request({
    host: address,
    port,
    method: probe.method,
    path: probe.path,
    headers: { host: probe.host ?? `${shown}:${port}`, "user-agent": "understudy", connection: "close" },
    agent: false,
    maxHeaderSize: 16_384,
  });
  asked.on("response", (response) => {
    const status = response.statusCode ?? 0;
    const { expect } = probe;
    if (expect.kind === "status") {
      const isExpected = expect.ranges.some(([from, to]) => status >= from && status <= to);
      settle(isExpected ? "up" : "down", `status ${status}`);
      return;
    }
    if (status < 200 || status >= 400) {
      settle("down", `status ${status}`);
      return;
    }
    let text = "";
    response.setEncoding("latin1");
    response.on("data", (chunk: string) => {
      text += chunk;
      if (text.includes(expect.text)) settle("up", `status ${status} with the text`);
      else if (text.length > BODY_LIMIT_BYTES)
        settle("down", `status ${status}, and the text is not in the first 64 kB`);
    });
    response.on("end", () => settle("down", `status ${status} without the text`));
    response.on("error", (error) => settle(...explainError(error)));
  });
  asked.on("error", (error) => settle(...explainError(error)));
  asked.end();
  return () => asked.destroy();
}
