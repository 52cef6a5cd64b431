import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CliError } from './cli-error.ts';
import { prepareDatabase } from './database-file.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { endInOrder } from './interrupts.ts';

/** Where `turboci run` keeps its plans unless told otherwise, from the current folder. */
export const DEFAULT_DATABASE = '.turboci/turboci.db';

export type EmbeddedOptions = {
  /** Path of the database file. */
  readonly database: string;
  /** Whether a database that is not there is made, its folder for its owner only; else it is an error. */
  readonly mayCreate: boolean;
  /** Whether `builtin/process` may run commands. */
  readonly executesCommands: boolean;
};

export type EmbeddedServer = {
  /** `unix:PATH` of a socket that only this user may open. */
  readonly address: string;
  readonly logDir: string;
  /**
   * Begins to execute. Until then the server only answers: what an earlier run left behind stays as it is, and can be
   * looked at, or cancelled before it would start again.
   */
  execute(): Promise<void>;
};

/**
 * Calls `use` with a server in this process, and stops it after that: the commands that still run are stopped with it. It
 * listens on a Unix socket of mode 0600, in a folder of its own of mode 0700, and nowhere else.
 */
export async function withEmbeddedServer<T>(
  { database, mayCreate, executesCommands }: EmbeddedOptions,
  use: (server: EmbeddedServer) => Promise<T>,
): Promise<T> {
  const sqlitePath = resolve(database);
  await prepareDatabase(sqlitePath, mayCreate);
  // Only here: the other commands are clients and start faster without it.
  const { startServer } = await import('../server.ts');
  const logDir = join(dirname(sqlitePath), 'logs');
  // A socket's path has at most 107 bytes; the database's folder may be too deep for it.
  // Nothing is awaited from here on: no signal comes between the folder and what removes it.
  const endAsUsual = endInOrder();
  const folder = mkdtempSync(join(tmpdir(), 'turboci-'));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', removeFolder);
  try {
    const server = await startServer({
      sqlitePath,
      socketPath: join(folder, 'turboci.sock'),
      logDir,
      logLevel: 'silent',
      processExecutor: executesCommands,
      paused: true,
    }).catch((error: unknown) => {
      throw startError(error);
    });
    try {
      return await use({ address: server.address, logDir, execute: () => server.resume() });
    } finally {
      await server.stop();
    }
  } finally {
    removeFolder();
    endAsUsual();
    process.off('exit', removeFolder);
  }
}

/** The same statuses as those of the server process, by the kind or the name of its errors. */
const startExitCodes: ReadonlyMap<string, ExitCode> = new Map([
  ['LOCKED', exitCode.databaseBusy],
  ['SCHEMA_TOO_NEW', exitCode.databaseTooNew],
  ['NOT_A_DATABASE', exitCode.notFound],
  ['SQLITE_TOO_OLD', exitCode.systemTooOld],
  ['CANNOT_OPEN', exitCode.cannotOpen],
  ['READ_ONLY', exitCode.readOnly],
  ['ConfigError', exitCode.usage],
  ['ListenError', exitCode.unavailable],
  ['NodeVersionError', exitCode.nodeTooOld],
]);

/** Errors of starting, which the message of each explains; errors of opening the database carry a `kind`. */
function startError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const reason = 'kind' in error ? String(error.kind) : error.name;
  const code = startExitCodes.get(reason);
  if (code === undefined) return error;
  return new CliError(error.message, {
    exitCode: code,
    reason,
    ...('kind' in error ? { remedy: reason === 'LOCKED' ? LOCKED_REMEDY : 'name another database with --db' } : {}),
    cause: error,
  });
}

const LOCKED_REMEDY = 'wait for the other run to end, name another database with --db, or a server with --server';
