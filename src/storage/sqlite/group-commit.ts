import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import { AppError } from '../../domain/error.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import type { UnitOfWork, WriteOptions } from '../storage.ts';
import type { Repositories } from './repositories.ts';
import { isOutcomeUnknown, toCallerError, unavailable } from './sqlite-failure.ts';
import type { Transaction } from './transaction.ts';
import type { Turns } from './turns.ts';

/** A batch ends after so many units, or so many milliseconds of work: the event loop is held no longer. */
const MAX_UNITS = 256;
const MAX_MS = 10;

const QUEUE_RETRY_AFTER_MS = 100;

type Effect = () => void;

/** One accepted unit of work and its caller. */
type Unit = {
  /** Runs the unit; gives what its caller gets if it becomes durable. */
  run(effects: Effect[]): Promise<Ran>;
  readonly signal: AbortSignal | undefined;
  reject(error: unknown): void;
};

/** A unit that ran in the open transaction. */
type Ran = { readonly unit: Unit; readonly effects: readonly Effect[]; answer(): void };

export type GroupCommitInit = {
  readonly transaction: Transaction;
  /** Whose turn it is on the connection. */
  readonly turns: Turns;
  readonly repositories: Repositories;
  readonly clock: Clock;
  readonly log: Logger;
  /** Units that may wait. */
  readonly queueLimit: number;
  /** Told when what is durable is no longer known: the process must end. */
  readonly onFatal: (error: unknown) => void;
};

/**
 * The writer. Units that arrive while the loop is busy run one after another in one transaction, each in a savepoint, and
 * share one COMMIT and its fsync; only then their effects run and their callers are answered, those of failed units too,
 * since they may have seen what was not durable yet.
 */
export class GroupCommit {
  readonly #init: GroupCommitInit;
  readonly #queue: Unit[] = [];
  #draining: Promise<void> | undefined;
  /** Set once no more units are accepted. */
  #refusal: AppError | undefined;

  constructor(init: GroupCommitInit) {
    this.#init = init;
  }

  submit<T>(work: (uow: UnitOfWork) => Promise<T>, options: WriteOptions): Promise<T> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#queue.length >= this.#init.queueLimit) return Promise.reject(queueFull(this.#init.queueLimit));
    return new Promise<T>((resolve, reject) => {
      const unit: Unit = {
        run: async (effects) => {
          const value = await work({ ...this.#init.repositories, afterCommit: (effect) => effects.push(effect) });
          return { unit, effects, answer: () => resolve(value) };
        },
        signal: options.signal,
        reject,
      };
      this.#queue.push(unit);
      this.#draining ??= this.#drain();
    });
  }

  /** Accepts no more units; resolves when those accepted have been answered. */
  async end(): Promise<void> {
    this.#refusal ??= unavailable('the storage is closed');
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await nextLoopTurn();
      await this.#init.turns.take(() => this.#commitTogether(this.#nextBatch()));
    }
    this.#draining = undefined;
  }

  /** Hands out waiting units until the batch is full. */
  #nextBatch(): () => Unit | undefined {
    const { clock } = this.#init;
    const end = clock.now() + MAX_MS;
    let left = MAX_UNITS;
    return () => (left-- > 0 && clock.now() < end ? this.#queue.shift() : undefined);
  }

  async #commitTogether(next: () => Unit | undefined): Promise<void> {
    const batch: Ran[] = [];
    try {
      for (let unit = next(); unit !== undefined; unit = next()) {
        if (isRefused(unit)) continue;
        const ran = await this.#run(unit);
        if (ran === undefined) return await this.#runAlone(batch.map((earlier) => earlier.unit));
        batch.push(ran);
      }
      if (this.#init.transaction.isOpen) this.#init.transaction.commit();
    } catch (error) {
      this.#fail(batch, error);
      return;
    }
    for (const { effects } of batch) this.#runEffects(effects);
    for (const ran of batch) ran.answer();
  }

  /**
   * Runs one unit; whatever it throws is its answer. Undefined when its error rolled back the whole transaction (a full
   * disk does), and with it the units before it: then it has been answered, and they have not.
   */
  async #run(unit: Unit): Promise<Ran | undefined> {
    const { transaction } = this.#init;
    // The unit that opens the transaction needs no savepoint: until it has succeeded, there is nothing else to keep.
    const isFirst = !transaction.isOpen;
    this.#open(unit, isFirst);
    const effects: Effect[] = [];
    try {
      const ran = await unit.run(effects);
      if (!transaction.isOpen) throw unavailable('the storage rolled the unit of work back');
      if (!isFirst) transaction.release();
      return ran;
    } catch (thrown) {
      const error = toCallerError(thrown);
      if (!transaction.isOpen) {
        unit.reject(error);
        return undefined;
      }
      this.#undo(unit, isFirst);
      return { unit, effects: [], answer: () => unit.reject(error) };
    }
  }

  #open(unit: Unit, isFirst: boolean): void {
    try {
      if (isFirst) this.#init.transaction.begin();
      else this.#init.transaction.savepoint();
    } catch (error) {
      // Waiting for the lock again for each of the others would hold the loop, so they share the answer.
      for (const waiting of [unit, ...this.#queue.splice(0)]) waiting.reject(toCallerError(error));
      throw error;
    }
  }

  #undo(unit: Unit, isFirst: boolean): void {
    try {
      if (isFirst) this.#init.transaction.rollback();
      else this.#init.transaction.undo();
    } catch (error) {
      unit.reject(toCallerError(error));
      throw error;
    }
  }

  async #runAlone(units: readonly Unit[]): Promise<void> {
    for (const unit of units) {
      const alone = [unit];
      await this.#commitTogether(() => alone.shift());
    }
  }

  /** Answers a batch that did not become durable, or may not have: then nothing can be promised any more. */
  #fail(batch: readonly Ran[], error: unknown): void {
    const refusal = unavailable('the storage could not commit', error);
    for (const { unit } of batch) unit.reject(refusal);
    if (this.#rollback() && !isOutcomeUnknown(error)) return;
    this.#refusal = refusal;
    for (const waiting of this.#queue.splice(0)) waiting.reject(refusal);
    this.#reportFatal(error);
  }

  /** A listener that throws must not keep the storage from closing. */
  #reportFatal(error: unknown): void {
    try {
      this.#init.onFatal(error);
    } catch (thrown) {
      this.#init.log.fatal({ err: thrown }, 'the listener of a fatal error failed');
    }
  }

  /** Whether no transaction is open any more. */
  #rollback(): boolean {
    try {
      if (this.#init.transaction.isOpen) this.#init.transaction.rollback();
      return true;
    } catch {
      return false;
    }
  }

  #runEffects(effects: readonly Effect[]): void {
    for (const effect of effects) {
      try {
        effect();
      } catch (error) {
        this.#init.log.error({ err: error }, 'an effect after a commit failed');
      }
    }
  }
}

/** A caller that has gone before its unit's turn writes nothing. */
function isRefused(unit: Unit): boolean {
  if (!unit.signal?.aborted) return false;
  const reason: unknown = unit.signal.reason;
  unit.reject(
    reason instanceof AppError ? reason : new AppError('CALLER_GONE', 'the caller has gone', { cause: reason }),
  );
  return true;
}

function queueFull(limit: number): AppError {
  return new AppError('WRITE_QUEUE_FULL', 'too many writes are waiting', {
    metadata: { limit: String(limit) },
    retryAfterMs: QUEUE_RETRY_AFTER_MS,
  });
}
