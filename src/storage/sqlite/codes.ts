import { goalStates } from '../../domain/assignment.ts';
import { attemptStates, dispatchKinds } from '../../domain/attempt.ts';
import { checkStates } from '../../domain/check.ts';
import { type GroupPurpose, predicates } from '../../domain/dependency/group.ts';
import { invariant } from '../../domain/error.ts';
import type { NodeType } from '../../domain/node.ts';
import { conditions, outcomes } from '../../domain/outcome.ts';
import { concludedReasons, executionModes, stageStates } from '../../domain/stage.ts';
import { workPlanStates } from '../../domain/work-plan.ts';

/** The domain's words for something and what a column holds for each. */
export class Codes<Word extends string, Stored extends string | number> {
  readonly #stored: Readonly<Record<Word, Stored>>;
  readonly #words: ReadonlyMap<string | number, Word>;

  constructor(words: readonly Word[], stored: Readonly<Record<Word, Stored>>) {
    this.#stored = stored;
    this.#words = new Map(words.map((word) => [stored[word], word]));
  }

  encode(word: Word): Stored {
    return this.#stored[word];
  }

  encodeOptional(word: Word | undefined): Stored | null {
    return word === undefined ? null : this.#stored[word];
  }

  decode(stored: string | number): Word {
    const word = this.#words.get(stored);
    invariant(word, `the database holds an unknown code ${stored}`);
    return word;
  }

  decodeOptional(stored: string | number | null): Word | undefined {
    return stored === null ? undefined : this.decode(stored);
  }
}

export const workPlanStateCodes = new Codes(workPlanStates, { ACTIVE: 10, COMPLETE: 20, CANCELLED: 30 });

export const checkStateCodes = new Codes(checkStates, { PLANNING: 10, PLANNED: 20, WAITING: 30, FINAL: 40 });

export const stageStateCodes = new Codes(stageStates, { PLANNED: 10, ATTEMPTING: 20, AWAITING_GROUP: 30, FINAL: 40 });

export const attemptStateCodes = new Codes(attemptStates, {
  PENDING: 0,
  SCHEDULED: 10,
  RUNNING: 20,
  COMPLETE: 30,
  INCOMPLETE: 40,
});

export const dispatchKindCodes = new Codes(dispatchKinds, { BUILTIN: 1, RUN: 2, RUN_ASYNC: 3, ACQUIRE: 4 });

export const outcomeCodes = new Codes(outcomes, { SUCCEEDED: 1, FAILED: 2, CANCELLED: 3, SKIPPED: 4 });

export const conditionCodes = new Codes(conditions, { FINAL: 1, SUCCEEDED: 2, FAILED: 3 });

export const goalStateCodes = new Codes(goalStates, { PLANNED: 20, FINAL: 40 });

export const executionModeCodes = new Codes(executionModes, { SYNC: 1, ASYNC: 2 });

export const concludedReasonCodes = new Codes(concludedReasons, {
  ATTEMPT_COMPLETE: 1,
  NO_RETRIES_LEFT: 2,
  ATTEMPT_BLOCKED_RETRY: 3,
  STAGE_TIMEOUT: 4,
  CANCELLED: 5,
  DEPENDENCIES_UNSATISFIED: 6,
  SKIPPED_BY_WRITER: 7,
});

export const purposeCodes = new Codes<GroupPurpose, number>(['DEPENDENCIES', 'CONTINUATION'], {
  DEPENDENCIES: 1,
  CONTINUATION: 2,
});

export const predicateCodes = new Codes(predicates, { AND: 'AND', OR: 'OR', THRESHOLD: 'THRESHOLD' });

export const nodeTypeCodes = new Codes<NodeType, string>(['CHECK', 'STAGE'], { CHECK: 'check', STAGE: 'stage' });
