/**
 * Names that HAProxy's config (made by the renderer) and its driver must agree on: files beside the config, the second
 * backend of a pool, and the map with which all members are made to serve. All paths are relative to the engine's own
 * directory, which is the working directory of HAProxy and of `haproxy -c`: so a candidate in a folder of its own reads
 * its own files, the live text is the same byte for byte, and socket paths stay short (the kernel takes 107 bytes).
 */

/** The live config. */
export const CONFIG_FILE = "haproxy.cfg";
/** `stats socket`, level admin, mode 600, with `expose-fd listeners`: the running worker's own socket. */
export const RUNTIME_SOCKET = "runtime.sock";
/** Opened by the command line (`-S`), not by the config. */
export const MASTER_SOCKET = "master.sock";
/** Written by the command line (`-p`), not by the config. */
export const PID_FILE = "haproxy.pid";
/** The engine's own words: what it writes on its standard output and standard error. */
export const OUTPUT_FILE = "haproxy.log";
/** `server-state-file`: members' health over a reload; written by the driver, may be absent. */
export const STATE_FILE = "server-state";
/** Ring buffer that takes the backends' news of health. */
export const NEWS_RING = "news";
/** Bundles of certificate and key, mode 0600, made by the host: `certificates/NAME.pem`. */
export const CERTIFICATE_FOLDER = "certificates";
/** Error pages as raw HTTP answers, made by the host from HTML: `errors/NAME.http`. */
export const ERROR_FOLDER = "errors";
/** One line `POOL 0` or `POOL 1` per pool; 1: every member serves, whatever the checks say. */
export const SERVING_ALL_MAP = "serving-all.map";
/** Older workers allowed at the same time; one more reload ends the oldest. */
export const MAX_OLD_WORKERS = 10;

/** Backend of a pool with its checks. */
export function poolBackend(pool: string): string {
  return pool;
}

/** Backend of the same pool where every member serves: same members, same cookies, no checks. */
export function poolAllBackend(pool: string): string {
  return `${pool}.all`;
}
