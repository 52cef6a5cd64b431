import type { ExecutionTask } from '../executor.ts';

/** Environment variables, as Node gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command inherits of the server's environment: nothing that usually carries a secret. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR'];

const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The part of the server's environment that its child processes may see. */
export function minimalEnvironment(server: Environment): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = server[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { PATH: DEFAULT_PATH, ...Object.fromEntries(inherited) };
}

/**
 * A command's environment: the minimal one, the stage's own `env` over it, and over both what tells the command which
 * attempt it is: TURBOCI_WORK_PLAN_ID, TURBOCI_STAGE_ID, TURBOCI_ATTEMPT_IDX, TURBOCI_EXECUTION_ID (the attempt's
 * process_uid) and, if known, TURBOCI_SERVER (the address of the gRPC API).
 */
export function commandEnvironment(
  server: Environment,
  own: ReadonlyMap<string, string>,
  task: ExecutionTask,
  serverAddress: string | undefined,
): Record<string, string> {
  return {
    ...minimalEnvironment(server),
    ...Object.fromEntries(own),
    TURBOCI_WORK_PLAN_ID: task.planId,
    TURBOCI_STAGE_ID: task.stageId,
    TURBOCI_ATTEMPT_IDX: String(task.attemptIdx),
    TURBOCI_EXECUTION_ID: task.executionId,
    ...(serverAddress === undefined ? {} : { TURBOCI_SERVER: serverAddress }),
  };
}
