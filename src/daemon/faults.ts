/**
 * Faults for laboratories, off unless the environment asks for them. On SIGUSR2 the main thread hangs in a busy
 * loop, as it would in a runaway computation: the heart must then close its gates by itself. And a daemon may
 * pretend to be an older program, to show that a cluster can be upgraded node by node.
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

/** Frame version of the older program that this daemon shall be; undefined when it is itself. */
export function labFrameVersion(environment: NodeJS.ProcessEnv): number | undefined {
  const version = Number(environment["UNDERSTUDY_FRAME_VERSION"]);
  return environment["UNDERSTUDY_LAB_FAULTS"] === "1" && version > 0 ? version : undefined;
}
