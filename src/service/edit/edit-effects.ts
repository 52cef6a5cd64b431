/** A cancelled or outrun executor that has to be told to stop. */
export type StopOrder = { readonly executionId: string; readonly reason: string };

/** What the server does once an edit is durable. */
export class EditEffects {
  /** A builtin attempt was queued that may start at once. */
  isReady = false;
  /** The earliest end of a backoff among the builtin attempts that the edit queued for later. */
  nextAvailableAt: number | undefined;
  /** The earliest persisted deadline that the edit set. */
  dueAt: number | undefined;
  readonly stops: StopOrder[] = [];

  queueBuiltin(availableAt: number, now: number): void {
    if (availableAt <= now) this.isReady = true;
    else this.nextAvailableAt = Math.min(this.nextAvailableAt ?? availableAt, availableAt);
  }

  setDue(dueAt: number): void {
    this.dueAt = Math.min(this.dueAt ?? dueAt, dueAt);
  }
}
