/** HAProxy's answers and words, as version 2.6.12 gave them. */

import { expect, test } from "vitest";
import { balancer, member, pool } from "../../../core/balancer/pretended-balancer.ts";
import { wantedOf } from "../../../core/balancer/wanted.ts";
import { Counters, parseStat, readWorker } from "./figures.ts";
import { parseNews } from "./news.ts";
import { refusalProblems } from "./own-words.ts";
import { parseProcesses } from "./processes.ts";
import { parseServerStates, stateFileText } from "./server-state.ts";

const HEAD = "#<PID>          <type>          <reloads>       <uptime>        <version>      ";

test("processes: a master with its worker and two older ones", () => {
  const text = [
    HEAD,
    "5               master          3 [failed: 0]   0d00h00m22s     2.6.12-1+deb12u4",
    "# workers",
    "89              worker          0               0d00h00m00s     2.6.12-1+deb12u4",
    "# old workers",
    "50              worker          1               0d00h00m09s     2.6.12-1+deb12u4",
    "13              worker          2               0d00h00m19s     2.6.12-1+deb12u4",
    "# programs",
    "",
    "",
  ].join("\n");
  expect(parseProcesses(text)).toEqual({ master: 5, reloads: 3, failed: 0, worker: 89, old: [13, 50] });
});

test("processes: after a reload that failed the old worker goes on", () => {
  const text = [
    HEAD,
    "5               master          2 [failed: 1]   0d00h00m16s     2.6.12-1+deb12u4",
    "# workers",
    "50              worker          1               0d00h00m05s     2.6.12-1+deb12u4",
    "# programs",
  ].join("\n");
  expect(parseProcesses(text)).toEqual({ master: 5, reloads: 2, failed: 1, worker: 50, old: [] });
  expect(parseProcesses("")).toBeUndefined();
});

test("news: down with the reason, up, and lines about other things", () => {
  const down =
    "<1>2026-11-21T04:44:20.690171+00:00 Server apache/srv1 is DOWN, reason: Layer4 connection problem, " +
    'info: "Connection refused", check duration: 0ms. 1 active and 0 backup servers left. 0 sessions active.';
  expect(parseNews(down)).toEqual({
    key: { pool: "apache", member: "srv1" },
    isUp: false,
    detail: 'Layer4 connection problem, info: "Connection refused", check duration: 0ms',
  });
  const up =
    "<5>2026-11-21T04:44:21.694851+00:00 Server apache/srv1.b is UP, reason: Layer7 check passed, code: 200, check duration: 1ms. 2 active and 0 backup servers online.";
  expect(parseNews(up)).toEqual({
    key: { pool: "apache", member: "srv1.b" },
    isUp: true,
    detail: "Layer7 check passed, code: 200, check duration: 1ms",
  });
  expect(
    parseNews("<5>2026-11-21T04:44:21.694851+00:00 Proxy apache stopped (cumulated conns: FE: 0)."),
  ).toBeUndefined();
  expect(parseNews("<1>2026 Server apache:all/srv1 is DOWN.")).toBeUndefined();
});

test("a table's cells are found by the names of its columns, with commas in quotes", () => {
  const rows = parseStat('# pxname,svname,last_chk,scur,\nweb,a,"say ""hi"", you",3,\nweb,b,,4,\n\n', [
    "svname",
    "last_chk",
    "scur",
    "new",
  ]);
  expect(rows.map((row) => [row.get("svname"), row.get("last_chk"), row.get("scur"), row.get("new")])).toEqual([
    ["a", 'say "hi", you', "3", undefined],
    ["b", "", "4", undefined],
  ]);
});

const COLUMNS = "# pxname,svname,qcur,scur,stot,status,weight,lastsess,check_status,check_code,check_desc,last_chk,";
const FRONT = "# pxname,svname,scur,req_rate,req_tot,hrsp_5xx,";

function worker(servers: readonly string[], front: string): ReturnType<typeof readWorker> {
  return readWorker([COLUMNS, ...servers].join("\n"), [FRONT, front, "stats:page,FRONTEND,9,9,9,9,"].join("\n"));
}

test("figures add up all workers and both backends, and keep what ended workers had counted", () => {
  const wanted = wantedOf(balancer());
  const counters = new Counters();
  const old = worker(["apache,srv1,0,2,10,UP,100,5,L4OK,,Layer4 check passed,,"], "http:80,FRONTEND,2,0,10,1,");
  const now = worker(
    [
      "apache,srv1,1,1,4,UP,100,-1,L4OK,,Layer4 check passed,,",
      "apache,srv2,0,0,0,DOWN,100,-1,L4CON,,Layer4 connection problem,Connection refused,",
      "apache:all,srv1,0,3,2,no check,100,7,,,,,",
    ],
    "http:80,FRONTEND,4,6,6,0,",
  );
  counters.take(
    new Map([
      [1, old],
      [2, now],
    ]),
    [1, 2],
  );
  expect(counters.totals()).toEqual({ connections: 6, requestsPerSecond: 6, requests: 16, serverErrors: 1 });
  expect(counters.members(wanted, 2)).toMatchObject([
    {
      member: "srv1",
      health: "up",
      detail: "Layer4 check passed",
      sessions: 6,
      queued: 1,
      requests: 16,
      idleSeconds: 5,
    },
    {
      member: "srv2",
      health: "down",
      detail: "Layer4 connection problem, Connection refused",
      sessions: 0,
      idleSeconds: undefined,
    },
  ]);
  // One that does not answer for once is not one that ended.
  counters.take(new Map([[2, now]]), [1, 2]);
  expect(counters.totals().requests).toBe(16);
  counters.take(new Map([[2, now]]), [2]);
  expect(counters.totals()).toEqual({ connections: 4, requestsPerSecond: 6, requests: 16, serverErrors: 1 });
  expect(counters.members(wanted, 2)[0]).toMatchObject({ sessions: 4, requests: 16 });
});

test("when a member was last used is known over reloads", () => {
  const counters = new Counters();
  const wanted = wantedOf(balancer());
  const idle = (nowMs: number): (number | undefined)[] =>
    counters.members(wanted, 2, nowMs).map(({ idleSeconds }) => idleSeconds);
  const count = (seconds: string): ReturnType<typeof worker> =>
    worker(
      [`apache,srv1,0,0,1,UP,100,${seconds},L4OK,,,,`, "apache,srv2,0,0,0,UP,100,-1,L4OK,,,,"],
      "http:80,FRONTEND,0,0,0,0,",
    );
  counters.take(new Map([[1, count("5")]]), [1], 100_000);
  expect(idle(100_000)).toEqual([5, undefined]);
  // The next worker has given it nothing yet.
  counters.take(new Map([[2, count("-1")]]), [2], 120_000);
  expect(idle(120_000)).toEqual([25, undefined]);
  counters.take(new Map([[2, count("0")]]), [2], 130_000);
  expect(idle(131_000)).toEqual([1, undefined]);
});

test("health is unknown before the first check and without one", () => {
  const counters = new Counters();
  const row = (status: string, check: string): string => `apache,srv1,0,0,0,${status},100,-1,${check},,,,`;
  const health = (status: string, check: string): string | undefined => {
    counters.take(new Map([[1, worker([row(status, check)], "http:80,FRONTEND,0,0,0,0,")]]), [1]);
    return counters.members(wantedOf(balancer()), 1)[0]?.health;
  };
  expect(health("UP", "INI")).toBe("unknown");
  expect(health("no check", "")).toBe("unknown");
  expect(health("UP 1/3", "* L4CON")).toBe("up");
  expect(health("DOWN 1/2", "L4OK")).toBe("down");
  expect(health("DRAIN", "L7OK")).toBe("up");
});

const STATES = [
  "1",
  "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port",
  "3 apache 1 srv1 10.0.0.11 2 8 37 100 2 15 3 3 6 0 0 0 - 8000 - 0 0 - - 0",
  "3 apache 2 srv2 10.0.0.11 0 0 100 100 2 8 2 0 6 0 0 0 - 8001 - 0 0 - - 0",
  "3 apache 3 gone 10.0.0.11 0 0 100 100 2 8 2 0 6 0 0 0 - 8000 - 0 0 - - 0",
  "",
].join("\n");

test("states: only health is handed on; weight, force and address are the next config's", () => {
  expect(parseServerStates(STATES)[0]).toMatchObject({
    backend: "apache",
    server: "srv1",
    address: "10.0.0.11",
    port: 8_000,
    weight: 37,
    loadedWeight: 100,
    forced: 8,
  });
  expect(parseServerStates("2\n")).toEqual([]);
  const next = wantedOf(balancer({ pools: [pool("apache", [member("srv1", { weight: 50 }), member("srv2")])] }));
  const lines = stateFileText(parseServerStates(STATES), next).split("\n");
  expect(lines[0]).toBe("1");
  // srv2 has another port now and begins anew; who is gone is left out.
  expect(lines.slice(2)).toEqual(["3 apache 1 srv1 10.0.0.11 2 0 50 50 2 15 3 3 6 0 0 0 - 8000 - 0 0 - - 0", ""]);
});

test("a refusal is told in HAProxy's words, with the line and the section that it is in", () => {
  const config = ["global", "    maxconn 5", "backend apache", "    balance nonsense", ""].join("\n");
  const words = [
    "[NOTICE]   (5) : haproxy version is 2.6.12-1+deb12u4",
    "[ALERT]    (5) : config : parsing [/run/x/generation-2/haproxy.cfg:4] : 'balance' : unknown algorithm.",
    "[ALERT]    (5) : config : Error(s) found in configuration file : /run/x/generation-2/haproxy.cfg",
    "[ALERT]    (5) : config : Fatal errors found in configuration.",
  ].join("\n");
  expect(refusalProblems({ code: "ENGINE_CONFIG_REFUSED", words, config, next: "do" })).toEqual([
    {
      code: "ENGINE_CONFIG_REFUSED",
      severity: "error",
      message:
        "haproxy says: parsing haproxy.cfg:4 (backend apache) : 'balance' : unknown algorithm., in the line \"balance nonsense\"",
      next: "do",
    },
  ]);
});

test("a syslog that is away is no reason beside a real one", () => {
  const common = { code: "ENGINE_RELOAD_FAILED", config: "", next: "do" } as const;
  const logger = "[ALERT]    (5) : sendmsg()/writev() failed in logger #1: No such file or directory (errno=2)";
  const bind =
    "[ALERT]    (5) : Binding for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:80]";
  const told = (words: string): string[] => refusalProblems({ ...common, words }).map(({ message }) => message);
  expect(told(`${logger}\n${bind}`)).toEqual([
    "haproxy says: Binding for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:80]",
  ]);
  expect(told(logger)[0]).toContain("failed in logger #1");
});

test("an end without words is told as such, and many complaints are counted", () => {
  const common = { code: "ENGINE_NOT_STARTED", config: "", next: "do" } as const;
  expect(refusalProblems({ ...common, words: "" })[0]?.message).toBe("haproxy ended without a word");
  expect(refusalProblems({ ...common, words: "Killed\n" })[0]?.message).toBe("haproxy ended: Killed");
  const words = Array.from({ length: 15 }, (_, index) => `[ALERT]    (5) : complaint ${index}`).join("\n");
  const problems = refusalProblems({ ...common, words });
  expect(problems).toHaveLength(11);
  expect(problems.at(-1)?.message).toBe("haproxy has 5 more complaints");
});
