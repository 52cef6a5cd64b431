import { CheckState, StageState } from '../../../../gen/turboci/v1/common_pb.js';
import type { Dice } from '../../dice.ts';
import type { Act } from '../script.ts';
import type { Answer } from './reporter.ts';
import type { Task } from './task.ts';

/** An answer and what is noted of it. */
export type MarkedAnswer = {
  readonly answer: Answer;
  readonly token: string;
  readonly isFailure: boolean;
  readonly isWrong: boolean;
  readonly checks: readonly string[];
};

type CheckUpdates = NonNullable<Answer['checkUpdates']>;

/** The answers of one execution, each with a token of its own in its details and in the data of its results. */
export class Answers {
  readonly #task: Task;
  readonly #act: Act;
  readonly #dice: Dice;
  #count = 0;

  constructor(task: Task, act: Act, dice: Dice) {
    this.#task = task;
    this.#act = act;
    this.#dice = dice;
  }

  /** The attempt did what it meant to. */
  success(): MarkedAnswer {
    const stageState = this.#dice.pick([StageState.UNKNOWN, StageState.FINAL, StageState.AWAITING_GROUP]);
    return this.#mark({ stageState }, this.#updates());
  }

  failure(message: string): MarkedAnswer {
    return this.#mark({ failure: { message, reason: 'CHAOS' } }, this.#updates());
  }

  verdict(): MarkedAnswer {
    return this.#mark({ failure: { message: 'there is no point' }, stageState: StageState.FINAL }, this.#updates());
  }

  /** The same without a word about checks, which some of them do not take yet. */
  brief(): MarkedAnswer {
    return this.#mark({}, []);
  }

  /** An answer about a check that no plan has. */
  lie(): MarkedAnswer {
    return { ...this.#mark({}, [{ checkId: 'nobody-wrote-this', state: CheckState.FINAL }]), isWrong: true };
  }

  /** An answer with a state that no answer may have, or with two words about one check. */
  illegal(): MarkedAnswer {
    const [checkId] = this.#task.assignedCheckIds;
    const marked =
      checkId !== undefined && this.#dice.chance(0.5)
        ? this.#mark({}, [{ checkId }, { checkId }])
        : this.#mark({ stageState: this.#dice.pick([StageState.PLANNED, StageState.ATTEMPTING]) }, []);
    return { ...marked, isWrong: true };
  }

  #updates(): CheckUpdates {
    const finding = this.#finding();
    return finding === undefined ? [] : this.#task.assignedCheckIds.map((checkId) => ({ ...finding, checkId }));
  }

  #finding(): Omit<CheckUpdates[number], '$typeName'> | undefined {
    switch (this.#act.finds) {
      case 'nothing':
        return undefined;
      case 'passed':
        return { state: CheckState.FINAL };
      case 'broken':
        return { state: CheckState.FINAL, failure: { message: 'it is broken', reason: 'CHAOS' } };
      case 'data':
        return {};
    }
  }

  #mark(answer: Answer, updates: CheckUpdates): MarkedAnswer {
    this.#count += 1;
    const token = `${this.#task.executionId}#${this.#count}`;
    const checkUpdates = updates.map((update) => ({ ...update, resultData: { token } }));
    return {
      answer: { ...answer, checkUpdates, details: { token } },
      token,
      isFailure: answer.failure !== undefined,
      isWrong: false,
      checks: updates.map(({ checkId = '' }) => checkId),
    };
  }
}
