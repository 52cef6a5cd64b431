import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CliError } from './cli-error.ts';
import { type ExitCode, exitCode } from './exit-code.ts';

/** Where `turboci run` keeps its plans unless told otherwise, from the current folder. */
export const DEFAULT_DATABASE = '.turboci/turboci.db';

export type EmbeddedOptions = {
  /** Path of the database file; its folder is made if need be, for its owner only. */
  readonly database: string;
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
  { database, executesCommands }: EmbeddedOptions,
  use: (server: EmbeddedServer) => Promise<T>,
): Promise<T> {
  // Only here: the other commands are clients and start faster without it.
  const { startServer } = await import('../server.ts');
  const sqlitePath = resolve(database);
  const logDir = join(dirname(sqlitePath), 'logs');
  await mkdir(dirname(sqlitePath), { recursive: true, mode: 0o700 });
  // A socket's path has at most 107 bytes; the database's folder may be too deep for it.
  const folder = await mkdtemp(join(tmpdir(), 'turboci-'));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  // A second Ctrl-C ends the process where it stands.
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
    process.off('exit', removeFolder);
    removeFolder();
  }
}

/** The same statuses as those of the server process, as far as they are told apart here. */
const openExitCodes: ReadonlyMap<string, ExitCode> = new Map([
  ['LOCKED', exitCode.databaseBusy],
  ['SCHEMA_TOO_NEW', exitCode.databaseTooNew],
  ['NOT_A_DATABASE', exitCode.notFound],
]);

/** Errors of opening the database carry a `kind`; their message says what is wrong. */
function startError(error: unknown): unknown {
  if (!(error instanceof Error) || !('kind' in error)) return error;
  const isLocked = error.kind === 'LOCKED';
  return new CliError(error.message, {
    exitCode: openExitCodes.get(String(error.kind)) ?? exitCode.refused,
    reason: String(error.kind),
    remedy: isLocked
      ? 'wait for the other run to end, name another database with --db, or a server with --server'
      : 'name another database with --db',
    cause: error,
  });
}
