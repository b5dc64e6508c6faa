/**
 * One web server of the lab as a program: `node web-member.ts NAME PORT FOLDER`. It listens on all addresses, and its
 * check is a file: while `check.txt` lies in the folder, it calls itself healthy.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { WebMember } from "./web-members.ts";

const [name = "", port = "", folder = ""] = process.argv.slice(2);
const member = new WebMember({
  name,
  address: "::",
  port: Number(port),
  isHealthy: () => existsSync(join(folder, "check.txt")),
});
await member.start();
