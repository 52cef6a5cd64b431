import { type ExitCode, exitCode } from './exit-code.ts';

const codes = { SIGINT: exitCode.interrupted, SIGTERM: exitCode.terminated, SIGHUP: exitCode.hungUp } as const;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];

/** Whether and how a command was interrupted. */
export type Interrupt = {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** The exit code of the first signal, once there was one. */
  code(): ExitCode | undefined;
};

/** Calls `use` while SIGINT, SIGTERM and SIGHUP are caught: the first is told to it, the second ends the process at once. */
export async function withInterrupts<T>(use: (interrupt: Interrupt) => Promise<T>): Promise<T> {
  const first = new AbortController();
  let code: ExitCode | undefined;
  const ignore = onSignals((signal) => {
    if (code !== undefined) process.exit(codes[signal]);
    code = codes[signal];
    first.abort();
  });
  try {
    return await use({ signal: first.signal, code: () => code });
  } finally {
    ignore();
  }
}

/**
 * From now on a signal that nobody else handles ends the process with its exit code, but such that what is registered
 * for the `exit` of the process is done. Answers what takes that back.
 */
export function endInOrder(): () => void {
  return onSignals((signal) => {
    if (process.listenerCount(signal) === 1) process.exit(codes[signal]);
  });
}

function onSignals(listener: (signal: Signal) => void): () => void {
  const listeners = signals.map((signal) => [signal, () => listener(signal)] as const);
  for (const [signal, listen] of listeners) process.on(signal, listen);
  return () => {
    for (const [signal, listen] of listeners) process.off(signal, listen);
  };
}
