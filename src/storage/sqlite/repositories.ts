import type { Clock } from '../../domain/ports.ts';
import type { Snapshot, UnitOfWork } from '../storage.ts';
import { attemptQueues } from './attempt-queues.ts';
import { attemptReader, attemptRepository } from './attempt-repository.ts';
import { checkReader, checkRepository } from './check-repository.ts';
import { dependencyReader, dependencyRepository } from './dependency-repository.ts';
import { eventReader, eventRepository } from './event-repository.ts';
import { heldAttempts } from './held-attempts.ts';
import { nodeReader } from './node-reader.ts';
import { requestRepository } from './request-repository.ts';
import { resultRepository } from './result-repository.ts';
import { runnerReader, runnerRepository } from './runner-repository.ts';
import { stageReader, stageRepository } from './stage-repository.ts';
import type { Statements } from './statements.ts';
import { timerQueue } from './timer-queue.ts';
import { workPlanReader, workPlanRepository } from './work-plan-repository.ts';

/** What a unit of work gets, but for its own effects. */
export type Repositories = Omit<UnitOfWork, 'afterCommit'>;

/** The repositories of the connection that writes. */
export function repositories(statements: Statements, clock: Clock): Repositories {
  return {
    workPlans: workPlanRepository(statements),
    checks: checkRepository(statements),
    results: resultRepository(statements),
    stages: stageRepository(statements),
    attempts: attemptRepository(statements),
    dependencies: dependencyRepository(statements, clock),
    events: eventRepository(statements),
    requests: requestRepository(statements),
    nodes: nodeReader(statements),
    queues: attemptQueues(statements),
    held: heldAttempts(statements),
    timers: timerQueue(statements),
    runners: runnerRepository(statements),
  };
}

/** The readers of a connection that only reads. */
export function snapshotReaders(statements: Statements): Snapshot {
  return {
    workPlans: workPlanReader(statements),
    checks: checkReader(statements),
    stages: stageReader(statements),
    attempts: attemptReader(statements),
    dependencies: dependencyReader(statements),
    events: eventReader(statements),
    nodes: nodeReader(statements),
    queues: attemptQueues(statements),
    held: heldAttempts(statements),
    timers: timerQueue(statements),
    runners: runnerReader(statements),
  };
}
