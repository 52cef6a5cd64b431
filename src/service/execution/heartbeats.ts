import type { EditEffects } from '../edit/edit-effects.ts';
import type { EffectListener } from '../edit/editor.ts';

/**
 * Signs of life that carry nothing else, in memory: a heartbeat costs no write. The timer of a heartbeat that is due asks
 * here, and stores the later time: one write for each heartbeat_timeout at most.
 */
export class Heartbeats implements EffectListener {
  readonly #by = new Map<string, number>();

  /** The execution lives: its next sign of life is due at `by`, in milliseconds since the epoch. */
  beat(executionId: string, by: number): void {
    this.#by.set(executionId, by);
  }

  /** When the next sign of life is due; undefined = nothing later than what is stored. */
  dueBy(executionId: string | undefined): number | undefined {
    return executionId === undefined ? undefined : this.#by.get(executionId);
  }

  effectsDue(_planId: string, { released }: EditEffects): void {
    for (const executionId of released) this.#by.delete(executionId);
  }
}
