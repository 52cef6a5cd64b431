import { create, type JsonObject } from '@bufbuild/protobuf';
import { type Duration, durationFromMs } from '@bufbuild/protobuf/wkt';
import { CheckState, type DependencyGroup, ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import {
  type ExecutionPolicy,
  ExecutionPolicySchema,
  type StageWrite,
  StageWriteSchema,
} from '../../../gen/turboci/v1/stage_pb.js';
import { parseDuration } from '../../domain/duration.ts';
import { bounds } from './bounds.ts';
import type { Answer, Defaults, StageEntry } from './plan-schema.ts';

/** What the process executor gets on top of `timeout` before the server ends the attempt: time to report it itself. */
const REPORT_GRACE_MS = 10_000;

export type StageParts = {
  readonly id: string;
  readonly entry: StageEntry;
  readonly defaults: Defaults;
  readonly answers: readonly Answer[];
  /** Whether somebody else answers one of these checks, too; then no command may end it by itself. */
  readonly sharesCheck: boolean;
  readonly dependencies: DependencyGroup | undefined;
  readonly continuation: DependencyGroup | undefined;
};

/** The write that creates a stage. */
export function stageWrite(parts: StageParts): StageWrite {
  const { id, entry, answers, dependencies, continuation } = parts;
  const args = argsOf(parts);
  return create(StageWriteSchema, {
    id,
    runnerType: runnerTypeOf(entry),
    ...(entry.mode === undefined ? {} : { executionMode: modes[entry.mode] }),
    ...(args === undefined ? {} : { args }),
    assignments: answers.map((answer) => ({
      targetCheckId: checkOf(answer),
      goalState: typeof answer === 'object' && answer.goal === 'planned' ? CheckState.PLANNED : CheckState.FINAL,
    })),
    ...(dependencies === undefined ? {} : { dependencies }),
    ...(continuation === undefined ? {} : { continuationGroup: continuation }),
    executionPolicy: policyOf(parts),
  });
}

/** The check that an entry of `answers` names. */
export function checkOf(answer: Answer): string {
  return typeof answer === 'string' ? answer : answer.check;
}

const modes = { sync: ExecutionMode.SYNC, async: ExecutionMode.ASYNC } as const;

function runnerTypeOf({ run, noop, runner }: StageEntry): string {
  if (run !== undefined) return 'builtin/process';
  return noop === undefined ? (runner ?? '') : 'builtin/noop';
}

function argsOf({ entry, defaults, sharesCheck }: StageParts): JsonObject | undefined {
  if (entry.run !== undefined) {
    const cwd = entry.cwd ?? defaults.cwd;
    const timeout = entry.timeout ?? defaults.timeout;
    const results = entry.results ?? (sharesCheck ? 'never' : undefined);
    const env = { ...texts(defaults.env), ...texts(entry.env) };
    return {
      command: entry.run,
      ...(cwd === undefined ? {} : { cwd }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(results === undefined ? {} : { results }),
    };
  }
  if (entry.noop) {
    const { delay, fail, checks } = entry.noop;
    return {
      ...(delay === undefined ? {} : { delay }),
      ...(fail === undefined ? {} : { fail }),
      ...(checks === undefined ? {} : { checks }),
    };
  }
  return entry.args;
}

function policyOf({ entry, defaults }: StageParts): ExecutionPolicy {
  const timeout = entry.timeout ?? defaults.timeout;
  const backoff = { ...defaults.backoff, ...entry.backoff };
  const grace = entry.run === undefined ? 0 : REPORT_GRACE_MS;
  return create(ExecutionPolicySchema, {
    maxAttempts: entry.attempts ?? defaults.attempts ?? 1,
    ...wire('attemptTimeout', timeout, grace),
    ...wire('stageTimeout', entry.stage_timeout ?? defaults.stage_timeout),
    ...wire('heartbeatTimeout', entry.heartbeat_timeout ?? defaults.heartbeat_timeout),
    ...wire('backoffInitial', backoff.initial),
    ...wire('backoffMax', backoff.max),
    ...(backoff.multiplier === undefined ? {} : { backoffMultiplier: backoff.multiplier }),
  });
}

type DurationField = 'attemptTimeout' | 'stageTimeout' | 'heartbeatTimeout' | 'backoffInitial' | 'backoffMax';

function wire(field: DurationField, text: string | undefined, extraMs = 0): { [K in DurationField]?: Duration } {
  const ms = text === undefined ? undefined : parseDuration(text);
  return ms === undefined ? {} : { [field]: durationFromMs(Math.min(ms + extraMs, bounds.durationMs)) };
}

function texts(env: StageEntry['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env ?? {}).map(([name, value]) => [name, String(value)]));
}
