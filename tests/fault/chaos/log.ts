import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** How an execution came to a runner. */
export type Way = 'RUN' | 'RUN_ASYNC' | 'ACQUIRE';

/** What a runner notes. */
export type LogEvent =
  /** Work has begun; work has ended. */
  | 'start'
  | 'end'
  /** It had the right to begin, or was asked to, and did not. */
  | 'decline'
  /** Progress was reported in words. */
  | 'update'
  /** An answer is about to be sent; CompleteStageExecution has been answered. */
  | 'answer'
  | 'reply'
  /** Children were written. */
  | 'children'
  /** Something was reported under a foreign id. */
  | 'stray'
  /** A fault of the runner's own. */
  | 'fault';

/** A line of a runner's log; `outcome` is the gRPC code of a report's answer, OK included. */
export type LogEntry = {
  readonly event: LogEvent;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly runnerId: string;
  readonly pid: number;
  readonly executionId: string;
  readonly plan: string;
  readonly stage: string;
  readonly idx: number;
  readonly way: Way | '';
  /** What the report can be found by: of an answer the token in its details, of progress its words. */
  readonly token: string;
  readonly outcome: string;
  readonly reason: string;
  /** Of an answer: whether it says a failure, whether it is one that must be refused, and which checks it updates. */
  readonly isFailure: boolean;
  readonly isWrong: boolean;
  readonly checks: readonly string[];
};

export type Note = Partial<Omit<LogEntry, 'time' | 'runnerId' | 'pid'>> & Pick<LogEntry, 'event'>;

/** Appends to the log of a runner; the entry is in the file when the call returns, whatever becomes of the process. */
export type Log = (note: Note) => void;

const NOTHING = {
  executionId: '',
  plan: '',
  stage: '',
  idx: 0,
  way: '',
  token: '',
  outcome: '',
  reason: '',
  isFailure: false,
  isWrong: false,
  checks: [],
} as const;

export function createLog(path: string, runnerId: string): Log {
  const { pid } = process;
  return (note) => {
    const entry: LogEntry = { ...NOTHING, ...note, time: Date.now(), runnerId, pid };
    appendFileSync(path, `${JSON.stringify(entry)}\n`);
  };
}

/** The entries so far, in their order. */
export function readLog(path: string): readonly LogEntry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line): LogEntry => JSON.parse(line));
}
