import { requireThat } from './refusal.ts';
import type { ResultWrite } from './requests.ts';
import { ATTEMPT_OWNER, finalizeResultsOf, namedAttempt } from './results.ts';
import { isLive, type Plan } from './state.ts';

/**
 * Results that a write brings in the name of attempts. Each must mean its stage's live attempt (section 2), which may
 * come to life, or end, in the same write.
 */
export class ResultOwners {
  readonly #plan: Plan;
  readonly #endedBefore: ReadonlySet<string>;
  #noted: ResultWrite[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    const ended = plan.stages.flatMap((stage) =>
      stage.attempts.filter((attempt) => !isLive(attempt)).map(({ idx }) => `${stage.id}:${idx}`),
    );
    this.#endedBefore = new Set(ended);
  }

  note(result: ResultWrite): void {
    if (result.ownerType === ATTEMPT_OWNER) this.#noted.push(result);
  }

  requireLive(): void {
    for (const result of this.#noted)
      requireThat(this.#stands(result), 'STALE_ATTEMPT', `${result.ownerId} is no live attempt`);
    this.#noted = [];
  }

  /** One that came after the end of its attempt is final, as if it had come before. */
  requireLiveOrEndedNow(): void {
    this.requireLive();
    for (const stage of this.#plan.stages) {
      for (const attempt of stage.attempts) if (!isLive(attempt)) finalizeResultsOf(this.#plan, stage, attempt.idx);
    }
  }

  #stands(result: ResultWrite): boolean {
    const named = namedAttempt(this.#plan, result);
    if (named === undefined || named.idx !== named.stage.attempts.length) return false;
    return !this.#endedBefore.has(result.ownerId);
  }
}
