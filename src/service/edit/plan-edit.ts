import { type Attempt, isLive } from '../../domain/attempt.ts';
import type { Check, CheckState } from '../../domain/check.ts';
import { invariant } from '../../domain/error.ts';
import type { NodeRef } from '../../domain/node.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Stage, StageState } from '../../domain/stage.ts';
import type { NodeCounts, WorkPlan } from '../../domain/work-plan.ts';
import type { UnitOfWork } from '../../storage/storage.ts';
import { type CheckDraft, newCheckDraft } from './check-draft.ts';
import { EditEffects } from './edit-effects.ts';
import { GroupCounters } from './group-counters.ts';
import {
  type AttemptDraft,
  newAttemptDraft,
  newStageDraft,
  type QueuedAttempt,
  type StageDraft,
} from './stage-draft.ts';

/** Who makes an edit and when. */
export type EditOrigin = {
  /** Milliseconds since the epoch: the one time of everything in this edit. */
  readonly at: number;
  /** For events of nodes that a writer or executor changed; the server's own advances say `server`. */
  readonly actor: string;
  readonly reason: string;
  /** A number in [0, 1) for each call: the jitter of backoffs. */
  readonly random: () => number;
};

/**
 * The working set of one unit of work on one plan: every node is loaded at most once, changed in memory, and stored
 * once when the edit is saved, with one version, one event and one revision for all of its changes.
 */
export class PlanEdit {
  readonly uow: UnitOfWork;
  /** As it was stored when the unit began. */
  readonly before: WorkPlan;
  readonly origin: EditOrigin;
  readonly effects = new EditEffects();
  readonly groups: GroupCounters;
  readonly checks = new Map<string, CheckDraft>();
  readonly stages = new Map<string, StageDraft>();
  /** Attempts that the edit created, in order. */
  readonly queued: QueuedAttempt[] = [];
  readonly #createdChildren = new Map<string, StageDraft[]>();
  /** Whether an edge of any tree was resolved in this edit. */
  hasResolved = false;
  /** Nodes that became FINAL and whose end has not been propagated yet. */
  readonly ended: NodeRef[] = [];
  /** Called when a check enters WAITING, before its goals are pursued: results that wait for that are taken now. */
  onWaiting: (check: CheckDraft) => Promise<void> = async () => {};
  /** Called when a stage enters ATTEMPTING: writes to its attempt can be judged now. */
  onAttempting: (stage: StageDraft) => void = () => {};
  #plan: WorkPlan;
  readonly #checkCounts: Record<CheckState, number>;
  readonly #stageCounts: Record<StageState, number>;
  #failed: number;
  #cancelled: number;

  constructor(uow: UnitOfWork, plan: WorkPlan, origin: EditOrigin) {
    this.uow = uow;
    this.before = plan;
    this.origin = origin;
    this.groups = new GroupCounters(uow.dependencies, plan.id);
    this.#plan = plan;
    this.#checkCounts = { ...plan.counts.checks };
    this.#stageCounts = { ...plan.counts.stages };
    this.#failed = plan.counts.failed;
    this.#cancelled = plan.counts.cancelled;
  }

  /** The plan with what the edit changed of it, without its counts. */
  get plan(): WorkPlan {
    return this.#plan;
  }

  get isCancelled(): boolean {
    return this.#plan.state === 'CANCELLED';
  }

  /** The revision that the edit's changes will carry. */
  get revision(): number {
    return this.before.version + 1;
  }

  get counts(): NodeCounts {
    return {
      checks: { ...this.#checkCounts },
      stages: { ...this.#stageCounts },
      failed: this.#failed,
      cancelled: this.#cancelled,
    };
  }

  changePlan(change: Partial<Pick<WorkPlan, 'state' | 'outcome' | 'cancelledAt' | 'cancelReason'>>): void {
    this.#plan = { ...this.#plan, ...change };
  }

  async check(id: string): Promise<CheckDraft | undefined> {
    const known = this.checks.get(id);
    if (known !== undefined) return known;
    const stored = await this.uow.checks.get(this.before.id, id);
    if (stored === undefined) return undefined;
    const draft = newCheckDraft(stored, stored);
    this.checks.set(id, draft);
    return draft;
  }

  async stage(id: string): Promise<StageDraft | undefined> {
    const known = this.stages.get(id);
    if (known !== undefined) return known;
    const stored = await this.uow.stages.get(this.before.id, id);
    if (stored === undefined) return undefined;
    const draft = newStageDraft(stored, stored);
    this.stages.set(id, draft);
    return draft;
  }

  /** A check that must exist because a stored row names it. */
  async knownCheck(id: string): Promise<CheckDraft> {
    const draft = await this.check(id);
    invariant(draft, `check ${id} is named by a row and does not exist`);
    return draft;
  }

  /** A stage that must exist because a stored row names it. */
  async knownStage(id: string): Promise<StageDraft> {
    const draft = await this.stage(id);
    invariant(draft, `stage ${id} is named by a row and does not exist`);
    return draft;
  }

  addCheck(check: Check): CheckDraft {
    const draft = newCheckDraft(undefined, check);
    this.checks.set(check.id, draft);
    this.#checkCounts[check.state] += 1;
    return draft;
  }

  addStage(stage: Stage): StageDraft {
    const draft = newStageDraft(undefined, stage);
    this.stages.set(stage.id, draft);
    if (stage.parentStageId !== '') {
      const siblings = this.#createdChildren.get(stage.parentStageId);
      if (siblings === undefined) this.#createdChildren.set(stage.parentStageId, [draft]);
      else siblings.push(draft);
    }
    this.#stageCounts[stage.state] += 1;
    return draft;
  }

  /** Stages that this edit created as children of a stage. */
  createdChildren(parentId: string): readonly StageDraft[] {
    return this.#createdChildren.get(parentId) ?? [];
  }

  /** Changes fields that clients see; the state changes by `moveCheck` only. */
  changeCheck(draft: CheckDraft, change: Partial<Omit<Check, 'state' | 'outcome'>> = {}): void {
    draft.current = { ...draft.current, ...change };
    draft.changed = true;
  }

  /** Changes fields that clients see; the state changes by `moveStage` only. */
  changeStage(draft: StageDraft, change: Partial<Omit<Stage, 'state' | 'outcome'>> = {}): void {
    draft.current = { ...draft.current, ...change };
    draft.changed = true;
  }

  moveCheck(draft: CheckDraft, state: CheckState, outcome?: Outcome): void {
    this.#checkCounts[draft.current.state] -= 1;
    this.#checkCounts[state] += 1;
    draft.current = { ...draft.current, state, outcome };
    draft.changed = true;
    if (outcome !== undefined) this.#countOutcome({ type: 'CHECK', id: draft.current.id }, outcome);
  }

  moveStage(draft: StageDraft, state: StageState, outcome?: Outcome): void {
    this.#stageCounts[draft.current.state] -= 1;
    this.#stageCounts[state] += 1;
    draft.current = { ...draft.current, state, outcome };
    draft.changed = true;
    if (outcome !== undefined) this.#countOutcome({ type: 'STAGE', id: draft.current.id }, outcome);
    if (state === 'ATTEMPTING') this.onAttempting(draft);
  }

  #countOutcome(node: NodeRef, outcome: Outcome): void {
    if (outcome === 'FAILED') this.#failed += 1;
    if (outcome === 'CANCELLED') this.#cancelled += 1;
    this.ended.push(node);
  }

  /** The last attempt of a stage; undefined while it has none. */
  async lastAttempt(stage: StageDraft): Promise<AttemptDraft | undefined> {
    const idx = stage.current.attemptCount;
    if (idx === 0) return undefined;
    const known = stage.attempts.get(idx);
    if (known !== undefined) return known;
    const stored = await this.uow.attempts.get({ planId: this.before.id, stageId: stage.current.id, idx });
    invariant(stored, `attempt ${idx} of stage ${stage.current.id} is missing`);
    const draft = newAttemptDraft(stored, stored);
    stage.attempts.set(idx, draft);
    return draft;
  }

  /** The live attempt of a stage in ATTEMPTING: its last. */
  async liveAttempt(stage: StageDraft): Promise<AttemptDraft> {
    const attempt = await this.lastAttempt(stage);
    invariant(attempt, `stage ${stage.current.id} has no attempt`);
    return attempt;
  }

  /** Changes an attempt; a change of an attempt is a change of its stage. */
  changeAttempt(stage: StageDraft, attempt: AttemptDraft, change: Partial<Attempt> = {}): void {
    attempt.current = { ...attempt.current, ...change, updatedAt: this.origin.at };
    attempt.changed = true;
    stage.changed = true;
    const had = attempt.before?.executionId;
    const { executionId, state } = attempt.current;
    if (had !== undefined && (executionId !== had || !isLive(state))) this.effects.released.add(had);
  }

  /** Changes bookkeeping of an attempt that clients are not told of: the stage keeps its version. */
  touchAttempt(attempt: AttemptDraft, change: Partial<Pick<Attempt, 'heartbeatBy' | 'confirmBy'>>): void {
    attempt.current = { ...attempt.current, ...change };
  }
}
