import type {
  AttemptQueues,
  AttemptReader,
  AttemptRepository,
  HeldAttempts,
  TimerQueue,
} from './attempt-repository.ts';
import type { CheckReader, CheckRepository } from './check-repository.ts';
import type { DependencyReader, DependencyRepository } from './dependency-repository.ts';
import type { EventReader, EventRepository } from './event-repository.ts';
import type { NodeReader } from './node-reader.ts';
import type { RequestRepository } from './request-repository.ts';
import type { ResultRepository } from './result-repository.ts';
import type { RunnerReader, RunnerRepository } from './runner-repository.ts';
import type { StageReader, StageRepository } from './stage-repository.ts';
import type { WorkPlanReader, WorkPlanRepository } from './work-plan-repository.ts';

/** A consistent view of the committed data. Valid only inside the function that it was given to. */
export interface Snapshot {
  readonly workPlans: WorkPlanReader;
  readonly checks: CheckReader;
  readonly stages: StageReader;
  readonly attempts: AttemptReader;
  readonly dependencies: DependencyReader;
  readonly events: EventReader;
  readonly nodes: NodeReader;
  readonly queues: AttemptQueues;
  readonly held: HeldAttempts;
  readonly timers: TimerQueue;
  readonly runners: RunnerReader;
}

/** The repositories of one unit of work: all of its writes are committed together or none is. */
export interface UnitOfWork {
  readonly workPlans: WorkPlanRepository;
  readonly checks: CheckRepository;
  readonly results: ResultRepository;
  readonly stages: StageRepository;
  readonly attempts: AttemptRepository;
  readonly dependencies: DependencyRepository;
  readonly events: EventRepository;
  readonly requests: RequestRepository;
  readonly nodes: NodeReader;
  readonly queues: AttemptQueues;
  readonly held: HeldAttempts;
  readonly timers: TimerQueue;
  readonly runners: RunnerRepository;
  /** Runs `effect` once the unit is durable, before its caller is answered; never if it is not. Must not throw. */
  afterCommit(effect: () => void): void;
}

export type WriteOptions = {
  /** A unit whose signal is aborted before its turn comes is refused and writes nothing. */
  readonly signal?: AbortSignal;
};

/**
 * Durable storage of plans.
 *
 * A unit of work is a function over repositories. It awaits nothing but them, and may be run more than once (its first
 * run then left no trace), so it has no effect outside of them but through `afterCommit`. Whatever it throws rolls back
 * that unit alone and reaches its caller unchanged; failures of the storage itself are AppErrors STORAGE_UNAVAILABLE.
 */
export interface Storage {
  /** Resolves when the unit's writes are durable. */
  write<T>(work: (uow: UnitOfWork) => Promise<T>, options?: WriteOptions): Promise<T>;
  /** Reads committed data; sees every unit that was acknowledged before the call. */
  read<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T>;
  /** Ends after the units that were accepted before; later ones are refused as STORAGE_UNAVAILABLE. Idempotent. */
  close(): Promise<void>;
}
