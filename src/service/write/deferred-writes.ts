import { cancelStage } from '../edit/cancel.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import { propagate } from '../edit/propagate.ts';
import { resultNotAccepted } from '../edit/result-record.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import { writeAttempt } from './attempt-write.ts';
import { assertWaiting, isBornCancelled } from './check-states.ts';
import { assertOwnersMeant, assertRepeatedResult, writeResult } from './results.ts';
import { assertAttempted } from './stage-states.ts';
import type { CheckOp, StageOp, WriteContext } from './write-context.ts';

/**
 * The parts of a write that are judged after the advances it causes: results of checks (taken in WAITING) and writes to
 * attempts (live in ATTEMPTING). Each waits until its node gets there; what is still waiting when the plan has come to
 * rest is refused.
 */
export class DeferredWrites {
  readonly #context: WriteContext;
  readonly #cancelReason: string;
  readonly #results = new Map<string, CheckOp>();
  readonly #attempts = new Map<string, StageOp>();
  readonly #ready: StageDraft[] = [];

  constructor(context: WriteContext, cancelReason: string) {
    this.#context = context;
    this.#cancelReason = cancelReason;
    for (const op of context.checks) {
      const isWithEnd = op.write.state === 'FINAL' || isBornCancelled(context, op);
      if (op.write.result !== undefined && !isWithEnd) this.#results.set(op.write.id, op);
    }
    for (const op of context.stages) {
      if (concernsAttempt(op)) this.#attempts.set(op.write.id, op);
    }
    // Assigned where they are written, V8 would put them among the old objects, and with them the whole edit.
    const takeResult = (check: CheckDraft) => this.#applyResult(check.current.id);
    const noteReady = (stage: StageDraft) => {
      this.#ready.push(stage);
    };
    context.edit.onWaiting = takeResult;
    context.edit.onAttempting = noteReady;
  }

  /** Takes the results of checks that are WAITING, before anything ends that could make them FINAL. */
  async takeResults(): Promise<void> {
    for (const op of this.#context.checks) await this.#applyResult(op.write.id);
  }

  /** Applies every other part as its node becomes ready, then judges what is left. */
  async settle(): Promise<void> {
    const { edit, checks, stages } = this.#context;
    await assertOwnersMeant(this.#context);
    this.#ready.length = 0;
    for (const op of stages) {
      if (op.draft.current.state !== 'PLANNED') await this.#applyAttempt(op.write.id);
      await this.#drain();
    }
    // All of them before what their ends entail: a stage that is cancelled with what it waits for is not SKIPPED.
    for (const op of stages) if (op.write.cancel) await cancelStage(edit, op.draft, this.#cancelReason);
    await propagate(edit);
    await this.#drain();
    for (const op of this.#results.values()) await this.#refuseResult(op);
    await assertOwnersMeant(this.#context);
    for (const op of this.#attempts.values()) await writeAttempt(this.#context, op);
    checks.forEach(assertWaiting);
    stages.forEach(assertAttempted);
  }

  async #drain(): Promise<void> {
    // Grows while it is walked: an attempt that ends makes other stages ready.
    for (const stage of this.#ready) await this.#applyAttempt(stage.current.id);
    this.#ready.length = 0;
  }

  async #applyResult(checkId: string): Promise<void> {
    const op = this.#results.get(checkId);
    if (op?.write.result === undefined || op.draft.current.state !== 'WAITING') return;
    this.#results.delete(checkId);
    await writeResult(this.#context, op, op.write.result);
  }

  async #applyAttempt(stageId: string): Promise<void> {
    const op = this.#attempts.get(stageId);
    if (op === undefined) return;
    this.#attempts.delete(stageId);
    await writeAttempt(this.#context, op);
    await propagate(this.#context.edit);
  }

  async #refuseResult(op: CheckOp): Promise<void> {
    if (op.draft.before?.state === 'FINAL') await assertRepeatedResult(this.#context, op);
    else throw resultNotAccepted(op.draft, op.draft.current.state);
  }
}

/** The write claims, feeds or ends an attempt. */
function concernsAttempt({ write, draft }: StageOp): boolean {
  if (write.currentAttempt !== undefined) return true;
  const { before } = draft;
  if (write.state === 'FINAL') return before?.state === 'ATTEMPTING' || before?.state === 'FINAL';
  return write.state === 'AWAITING_GROUP' && before?.state === 'ATTEMPTING';
}
