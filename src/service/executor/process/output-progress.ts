import type { CancelTimer, Clock } from '../../../domain/ports.ts';
import type { ProgressReport } from '../executor.ts';
import { Tail } from './tail.ts';

/** Entries of one attempt at most; well below the limit of progress entries, which the command's own writes share. */
const MAX_ENTRIES = 500;
/** Output bytes in one entry at most (up to three times as many in UTF-8 if they are not valid UTF-8). */
const MAX_ENTRY_BYTES = 4096;
const MIN_SPACING_MS = 250;
/** Entries come at least 1/50 of the run time so far apart: 500 are enough for a day, so that the end is seldom lost. */
const SPACING_SHARE = 50;

const NEWLINE = 0x0a;

/**
 * Turns a command's output into progress: finished lines, many of them in one entry. Of more than an entry holds, the
 * newest are shown and the others counted (`details.dropped_lines`); the log has them all.
 */
export class OutputProgress {
  readonly #clock: Clock;
  readonly #report: (progress: ProgressReport) => void;
  readonly #startedAt: number;
  readonly #pending = new Tail(MAX_ENTRY_BYTES);
  /** Finished lines since the last entry, those that `#pending` no longer keeps included. */
  #finishedLines = 0;
  #isLineOpen = false;
  #entries = 0;
  #cancelTimer: CancelTimer | undefined;

  constructor(clock: Clock, report: (progress: ProgressReport) => void) {
    this.#clock = clock;
    this.#report = report;
    this.#startedAt = clock.now();
  }

  /** Adds output; the chunk is not empty. */
  add(chunk: Uint8Array): void {
    if (this.#entries === MAX_ENTRIES) return;
    this.#pending.append(chunk);
    this.#finishedLines += countLines(chunk);
    this.#isLineOpen = chunk.at(-1) !== NEWLINE;
    if (this.#finishedLines > 0) this.#cancelTimer ??= this.#clock.after(this.#spacing(), () => this.#onTimer());
  }

  /** Reports what is left, an unfinished last line included. Nothing is to be added afterwards. */
  end(): void {
    this.#cancelTimer?.();
    this.#append(this.#pending.text(), this.#finishedLines + (this.#isLineOpen ? 1 : 0));
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    const text = this.#pending.takeLines();
    if (text === undefined) return;
    const lines = this.#finishedLines;
    this.#finishedLines = 0;
    this.#append(text, lines);
  }

  #spacing(): number {
    return Math.max(MIN_SPACING_MS, (this.#clock.now() - this.#startedAt) / SPACING_SHARE);
  }

  #append(text: string, lines: number): void {
    if (text.trim() === '' || this.#entries === MAX_ENTRIES) return;
    this.#entries += 1;
    const message = this.#entries === MAX_ENTRIES ? `${text}\n(further output only in the log)` : text;
    const dropped = lines - text.split('\n').length;
    this.#report(dropped > 0 ? { message, details: { dropped_lines: dropped } } : { message });
  }
}

function countLines(chunk: Uint8Array): number {
  let lines = 0;
  // By index: an iterator takes ten times as long, and this sees every byte.
  for (let at = 0; at < chunk.length; at += 1) if (chunk[at] === NEWLINE) lines += 1;
  return lines;
}
