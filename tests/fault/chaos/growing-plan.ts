import { CheckState } from '../../../gen/turboci/v1/common_pb.js';
import type { CheckWriteInit, StageWriteInit } from '../../e2e/semantics/harness/plan.ts';
import type { Dice } from '../dice.ts';
import { Nursery } from './nursery.ts';
import { randomGroup, someDependencies, type Target } from './random-group.ts';
import { type StageDraft, stagesAnswerFor } from './random-stage.ts';

/** Nodes of one write. */
export type Nodes = { readonly checks: CheckWriteInit[]; readonly stages: StageWriteInit[] };

const GATE = 'gate';

/**
 * The nodes of one plan in an order in which each waits for earlier ones alone: by its edges, as the parent of children,
 * by its continuation group, or as a check for the stages that answer for it. So none waits for ever.
 */
export class GrowingPlan {
  readonly #dice: Dice;
  readonly #nursery: Nursery;
  readonly #earlier: Target[] = [];
  readonly #unanswered: string[] = [];
  #left: number;

  constructor(dice: Dice, size: number, children: number) {
    this.#dice = dice;
    this.#left = size;
    this.#nursery = new Nursery(dice, children);
  }

  /** How many more nodes its author writes. */
  get left(): number {
    return this.#left;
  }

  /** The checks that no stage answers for; there is at least one. */
  get unanswered(): readonly string[] {
    return this.#unanswered;
  }

  /** The stages that its author writes. */
  get stageIds(): readonly string[] {
    return this.#earlier.filter(({ type }) => type === 'stage').map(({ id }) => id);
  }

  /** The next nodes. */
  grow(count: number): Nodes {
    const stages: StageDraft[] = [];
    const checks: CheckWriteInit[] = [];
    for (const until = this.#left - count; this.#left > until; this.#left--) {
      if (this.#earlier.length === 0) checks.push(this.#check(GATE, []));
      else if (this.#dice.chance(0.55)) stages.push(this.#stage(`s${this.#left}`));
      else checks.push(this.#check(`c${this.#left}`, stages));
    }
    return { checks, stages };
  }

  #stage(id: string): StageDraft {
    const draft = this.#nursery.stage(id, this.#earlier);
    const waits = this.#dice.chance(0.08) ? { continuationGroup: randomGroup(this.#dice, this.#earlier) } : {};
    this.#earlier.push({ type: 'stage', id });
    return { ...draft, ...waits };
  }

  /** A check that some of the stages answer for, mostly. */
  #check(id: string, stages: readonly StageDraft[]): CheckWriteInit {
    const isAnswered = stages.length > 0 && this.#dice.chance(0.9);
    const dependencies = isAnswered ? someDependencies(this.#dice, this.#earlier) : {};
    if (isAnswered) stagesAnswerFor(this.#dice, id, stages);
    else this.#unanswered.push(id);
    this.#earlier.push({ type: 'check', id });
    return { id, ...(this.#dice.chance(0.7) ? { state: CheckState.PLANNED } : {}), ...dependencies };
  }
}
