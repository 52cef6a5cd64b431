import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { JsonObject } from '@bufbuild/protobuf';

/** How an execution came to a runner. */
export type Kind = 'RUN' | 'RUN_ASYNC' | 'ACQUIRE';

/** What a runner notes when it happens. */
export type LogEvent =
  /** A registration or its renewal; `code` says how it went. */
  | 'register'
  /** Work has begun, or has ended: the proof of what ran when and where. */
  | 'start'
  | 'end'
  /** It was called and began nothing. */
  | 'refuse'
  /** Cancel was called, or an update was answered with the cancel flag or refused, or its call was cut. */
  | 'cancel'
  | 'cancel-flag'
  | 'cut'
  /** A report to the orchestrator was answered; `code` says how. */
  | 'update'
  | 'write'
  | 'complete'
  | 'ping'
  /** AcquireStageExecutions brought so many. */
  | 'acquire'
  /** An order of the test is in force. */
  | 'order'
  /** A fault of the script. */
  | 'fault';

/** A line of a runner's log. */
export type LogEntry = {
  readonly event: LogEvent;
  /** Milliseconds since the epoch, by the clock of this machine. */
  readonly time: number;
  readonly runnerId: string;
  readonly pid: number;
  readonly executionId: string;
  readonly plan: string;
  readonly stage: string;
  readonly idx: number;
  readonly kind: Kind | '';
  /** What the runner got, with `start`. */
  readonly request?: JsonObject;
  /** The deadline of the gRPC call, with `start`; milliseconds since the epoch. */
  readonly callDeadline?: number;
  /** How the work ended, or what a report was answered with: a gRPC code, OK included. */
  readonly outcome?: string;
  readonly reason?: string;
  readonly count?: number;
};

export type Note = Partial<Omit<LogEntry, 'time' | 'runnerId' | 'pid'>> & Pick<LogEntry, 'event'>;

/** Appends to the log of a runner; each entry is in the file when the call returns. */
export type Log = (note: Note) => void;

export function createLog(path: string, runnerId: string): Log {
  const { pid } = process;
  return (note) => {
    const nobody = { executionId: '', plan: '', stage: '', idx: 0, kind: '' } as const;
    const entry: LogEntry = { ...nobody, ...note, time: Date.now(), runnerId, pid };
    appendFileSync(path, `${JSON.stringify(entry)}\n`);
  };
}

/** The entries so far, oldest first. */
export function readLog(path: string): readonly LogEntry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line): LogEntry => JSON.parse(line));
}
