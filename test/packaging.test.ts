/** The engines' units start what the drivers look for: the same program, files, sockets and pid file. */

import { expect, test } from "vitest";
import { CONFIG_FILE as HAPROXY_CONFIG, USERS_FILE } from "../src/core/balancer/haproxy-names.ts";
import { CONFIG_FILE as NGINX_CONFIG, pidFile } from "../src/core/balancer/nginx.ts";
import { engineDirectory, howToRun } from "../src/daemon/balancer/engines.ts";
import { LIVE } from "../src/host/engines/generations.ts";
import { masterPlace } from "../src/host/engines/haproxy/program.ts";
import { exists, read } from "./sources.ts";

const RUNTIME = "/run/understudy";
const directory = engineDirectory(RUNTIME);

function settings(unit: string): Map<string, string> {
  const lines = read(`packaging/${unit}`).matchAll(/^([A-Za-z]+)=(.*)$/gm);
  return new Map([...lines].map(([, key = "", value = ""]) => [key, value]));
}

test("HAProxy's unit runs a master with the driver's files, and tells its words where the driver reads them", () => {
  const unit = settings("understudy-haproxy.service");
  const place = masterPlace(directory);
  const live = `${directory}/${LIVE}`;
  expect(unit.get("ExecStart")).toBe(
    `/usr/sbin/haproxy -Ws -f ${live}/${HAPROXY_CONFIG} -f ${live}/${USERS_FILE} -p ${place.pidFile} -S ${place.masterSocket},mode,600`,
  );
  expect(unit.get("StandardError")).toBe(`append:${place.words}`);
  expect(unit.get("ConditionPathExists")).toBe(`${live}/${HAPROXY_CONFIG}`);
});

test("nginx' unit runs the driver's files", () => {
  const unit = settings("understudy-nginx.service");
  const config = `${directory}/${LIVE}/${NGINX_CONFIG}`;
  expect(unit.get("ExecStart")).toBe(`/usr/sbin/nginx -p ${directory} -c ${config}`);
  expect(unit.get("PIDFile")).toBe(pidFile({ directory }));
  expect(unit.get("ConditionPathExists")).toBe(config);
});

test("nobody but Understudy starts an engine, and the units that the daemon looks for are there", () => {
  for (const engine of ["haproxy", "nginx"] as const) {
    const unit = `understudy-${engine}.service`;
    expect(exists(`packaging/${unit}`)).toBe(true);
    expect(read(`packaging/${unit}`)).not.toContain("[Install]");
    expect(settings(unit).get("Restart")).toBe("no");
    // Without a service manager around it, the daemon takes the engine for its child.
    expect(howToRun(engine, {})).toBe("child");
  }
  expect(settings("understudy.service").get("ExecReload")).toBe("/usr/bin/understudy reload");
});
