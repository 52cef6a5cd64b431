import './platform/small-heap.ts';
import process from 'node:process';
import { ConfigError, loadConfig } from './config.ts';
import type { Logger } from './domain/logger.ts';
import { createLogger } from './platform/logger.ts';
import { assertNodeVersion, NodeVersionError } from './platform/node-version.ts';
import { ListenError, type RunningServer, startServer } from './server.ts';
import { type OpenFailure, StorageOpenError } from './storage/sqlite/open-error.ts';

/** How the process ends, after sysexits.h. Documented in docs/. */
const exitStatus = {
  ok: 0,
  /** Bad configuration. */
  config: 64,
  /** The server cannot listen at its address. */
  listen: 69,
  /** A bug, or a storage that failed while it was in use: the log says which. */
  fatal: 70,
  /** This Node is too old. */
  nodeTooOld: 72,
  /** Stopped by a second signal, or because draining took too long. */
  forced: 1,
} as const;

const openFailureStatus: Readonly<Record<OpenFailure, number>> = {
  SCHEMA_TOO_NEW: 65,
  NOT_A_DATABASE: 66,
  SQLITE_TOO_OLD: 71,
  CANNOT_OPEN: 73,
  READ_ONLY: 77,
  LOCKED: 75,
};

/** Answers that are given have left after so long. */
const ANSWERS_LEAVE_MS = 100;

/** Closing the database may take so long, however short the drain timeout is. */
const LEAST_STOP_MS = 1000;

async function main(): Promise<void> {
  assertNodeVersion();
  const config = loadConfig();
  const log = createLogger({ level: config.logLevel });
  process.on('uncaughtException', (error) => die(log, error));
  const server = await startServer({ ...config, log, onFatal: (error) => dieAnswering(log, error) });
  // Before anybody can know that it serves: a signal that came in between would not drain.
  stopOnSignals(server, log, config.drainTimeoutMs);
  log.info({ address: server.address, pid: process.pid, database: config.sqlitePath }, `serving on ${server.address}`);
}

/** The first signal drains; a second one, or too long a drain, ends the process. */
function stopOnSignals(server: RunningServer, log: Logger, drainTimeoutMs: number): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) force(log, `second signal (${signal})`);
    isStopping = true;
    log.info({ signal }, 'draining');
    setTimeout(() => force(log, 'draining took too long'), Math.max(drainTimeoutMs, LEAST_STOP_MS)).unref();
    void server.stop().then(
      () => {
        log.info({}, 'stopped');
        process.exit(exitStatus.ok);
      },
      (error: unknown) => die(log, error),
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function force(log: Logger, why: string): never {
  log.warn({}, `stopped by force: ${why}`);
  process.exit(exitStatus.forced);
}

function die(log: Logger, error: unknown): never {
  log.fatal({ err: error }, 'the server cannot go on');
  process.exit(exitStatus.fatal);
}

/** The storage refuses all writes by now: callers are told so before the process ends. */
function dieAnswering(log: Logger, error: unknown): void {
  log.fatal({ err: error }, 'the storage failed: the server cannot go on');
  setTimeout(() => process.exit(exitStatus.fatal), ANSWERS_LEAVE_MS);
}

/** The status for an error of starting, which is the operator's to put right. */
function startStatus(error: unknown): number {
  if (error instanceof ConfigError) return exitStatus.config;
  if (error instanceof StorageOpenError) return openFailureStatus[error.kind];
  if (error instanceof ListenError) return exitStatus.listen;
  if (error instanceof NodeVersionError) return exitStatus.nodeTooOld;
  return exitStatus.fatal;
}

try {
  await main();
} catch (error) {
  const status = startStatus(error);
  const text = error instanceof Error ? (status === exitStatus.fatal ? error.stack : error.message) : String(error);
  process.stderr.write(`turboci: ${text}\n`);
  process.exit(status);
}
