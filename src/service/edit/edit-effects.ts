/** A cancelled or outrun executor that has to be told to stop. */
export type StopOrder = { readonly executionId: string; readonly reason: string };

/** What the server does once an edit is durable. */
export class EditEffects {
  /** A builtin attempt was queued or became available: the dispatcher has work, at this time at the earliest. */
  availableAt: number | undefined;
  /** The earliest persisted deadline that the edit set. */
  dueAt: number | undefined;
  readonly stops: StopOrder[] = [];

  queueBuiltin(availableAt: number): void {
    this.availableAt = Math.min(this.availableAt ?? availableAt, availableAt);
  }

  setDue(dueAt: number): void {
    this.dueAt = Math.min(this.dueAt ?? dueAt, dueAt);
  }
}
