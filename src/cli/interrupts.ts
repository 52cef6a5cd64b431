import { type ExitCode, exitCode } from './exit-code.ts';

const codes: Readonly<Partial<Record<NodeJS.Signals, ExitCode>>> = {
  SIGINT: exitCode.interrupted,
  SIGTERM: exitCode.terminated,
};

/**
 * Calls `use` while SIGINT and SIGTERM are caught: the first calls `onFirst`, the second ends the process at once.
 * `received` answers the exit code of the first, once there was one.
 */
export async function withInterrupts<T>(
  onFirst: () => void,
  use: (received: () => ExitCode | undefined) => Promise<T>,
): Promise<T> {
  let first: ExitCode | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const code = codes[signal] ?? exitCode.interrupted;
    if (first !== undefined) process.exit(code);
    first = code;
    onFirst();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await use(() => first);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
