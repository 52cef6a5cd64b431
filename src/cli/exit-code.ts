/** How the command ends, after sysexits.h where it has a word for it. Documented in docs/cli.md. */
export const exitCode = {
  /** Done; for `run` and `watch`: the plan SUCCEEDED. */
  ok: 0,
  /** The plan ended otherwise. */
  planNotSucceeded: 1,
  /** Wrong usage, a plan file with faults, a request that the server found invalid. */
  usage: 64,
  /** The database was written by a newer version. */
  databaseTooNew: 65,
  /** A file, plan or node that does not exist. */
  notFound: 66,
  /** The server cannot be reached, or cannot serve now. */
  unavailable: 69,
  /** A bug, here or in the server. */
  internal: 70,
  /** This system lacks what the database needs. */
  systemTooOld: 71,
  /** This Node is too old. */
  nodeTooOld: 72,
  /** The database cannot be opened or created. */
  cannotOpen: 73,
  /** The database of the embedded server is in use by another process. */
  databaseBusy: 75,
  /** The server refused what was asked as things stand. */
  refused: 76,
  /** The database cannot be written. */
  readOnly: 77,
  /** Ended because the terminal went away (128 + SIGHUP). */
  hungUp: 129,
  /** Ended by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
  /** Ended by SIGTERM (128 + SIGTERM). */
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
