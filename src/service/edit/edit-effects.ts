import type { DispatchKind } from '../../domain/attempt.ts';

/** An execution that has to be told to stop. */
export type StopOrder = {
  readonly executionId: string;
  readonly dispatch: DispatchKind;
  readonly runnerId: string | undefined;
  readonly runnerType: string;
  readonly cause: 'CANCEL' | 'TIMEOUT';
  readonly reason: string;
  /** The attempt has ended: nothing that the execution still says counts. Else its answer is awaited for a grace time. */
  readonly hasEnded: boolean;
};

/** What the server does once an edit is durable. */
export class EditEffects {
  /** Queues in which the edit put attempts that may start at once. */
  readonly ready = new Set<string>();
  /** The earliest end of a backoff among the attempts that the edit queued for later. */
  backoffEnd: number | undefined;
  /** The earliest persisted deadline that the edit set. */
  dueAt: number | undefined;
  readonly stops: StopOrder[] = [];
  /** Executions that their holders do not have any more. */
  readonly released = new Set<string>();

  queue(queue: string, availableAt: number, now: number): void {
    if (availableAt <= now) this.ready.add(queue);
    else this.backoffEnd = Math.min(this.backoffEnd ?? availableAt, availableAt);
  }

  setDue(dueAt: number): void {
    this.dueAt = Math.min(this.dueAt ?? dueAt, dueAt);
  }
}
