/**
 * A fault for laboratories, off unless the environment asks for it: on SIGUSR2 the main thread hangs in a busy
 * loop, as it would in a runaway computation. The heart must then close its gates by itself.
 */

const DEFAULT_BLOCK_MS = 10_000;

/** Arms the fault when `UNDERSTUDY_LAB_FAULTS=1`; `UNDERSTUDY_LAB_BLOCK_MS` says for how long. */
export function armLabFaults(environment: NodeJS.ProcessEnv): void {
  if (environment["UNDERSTUDY_LAB_FAULTS"] !== "1") return;
  const blockMs = Number(environment["UNDERSTUDY_LAB_BLOCK_MS"] ?? DEFAULT_BLOCK_MS);
  process.on("SIGUSR2", () => {
    const end = performance.now() + blockMs;
    while (performance.now() < end);
  });
}
