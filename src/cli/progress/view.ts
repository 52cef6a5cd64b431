import { createLogUpdate } from 'log-update';
import type { Clock } from '../cli.ts';
import { type Output, oneLine } from '../output.ts';
import { type Board, type BoardChange, needsRunner } from './board.ts';
import { formatDuration } from './duration.ts';
import { narrate, type Remark, runnerWaitText } from './narrate.ts';
import { tableLines } from './table.ts';

/** Shows how a plan goes on. */
export interface ProgressView {
  /** Called after each event. */
  changed(change: BoardChange): void;
  /** A word beside the plan's own events, e.g. that the connection is lost. */
  note(text: string): void;
  /** Leaves the last picture, or nothing, behind. Called once. */
  end(): void;
}

const FRAME_MS = 100;
/** How often lines are looked for that no event brings. */
const LOOK_MS = 500;
/** How long a stage waits for a runner before that is worth a line. */
const WAIT_MS = 1_500;

/** Progress in place on a terminal, as lines anywhere else. */
export function createView(out: Output, board: Board, clock: Clock): ProgressView {
  return out.isTerminal ? new LiveView(out, board, clock) : new LineView(out, board, clock);
}

/** One line for each thing that happened, with the time since the first; and one for each attempt that waits for a runner. */
class LineView implements ProgressView {
  readonly #out: Output;
  readonly #board: Board;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  /** The attempts that were said to wait. */
  readonly #waiting = new Set<string>();
  #startedAt: number | undefined;

  constructor(out: Output, board: Board, clock: Clock) {
    this.#out = out;
    this.#board = board;
    this.#clock = clock;
    this.#timer = setInterval(() => this.#tellWaits(), LOOK_MS);
  }

  changed(change: BoardChange): void {
    this.#startedAt ??= change.at;
    for (const remark of narrate(change, this.#board)) this.#out.line(remarkLine(remark, this.#startedAt));
  }

  note(text: string): void {
    const at = this.#clock.now();
    this.#out.line(remarkLine({ at, node: '', text }, this.#startedAt ?? at));
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #tellWaits(): void {
    const at = this.#clock.now();
    for (const stage of this.#board.stages.values()) {
      const key = `${stage.id}:${stage.attempt?.idx}`;
      if (this.#waiting.has(key) || !needsRunner(stage, at - WAIT_MS)) continue;
      this.#waiting.add(key);
      const remark = { at, node: stage.id, text: runnerWaitText(stage) };
      this.#out.line(remarkLine(remark, this.#startedAt ?? at));
    }
  }
}

/** A remark as a line: seconds since the start, node, words. */
export function remarkLine({ at, node, text }: Remark, startedAt: number): string {
  const time = formatDuration(Math.max(0, at - startedAt)).padStart(7);
  return node === '' ? `${time}  ${text}` : `${time}  ${oneLine(node).padEnd(16)}  ${text}`;
}

/** A table that is drawn over itself ten times a second. */
class LiveView implements ProgressView {
  readonly #out: Output;
  readonly #board: Board;
  readonly #clock: Clock;
  readonly #draw: ReturnType<typeof createLogUpdate>;
  readonly #timer: NodeJS.Timeout;
  #frame = 0;
  #note = '';

  constructor(out: Output, board: Board, clock: Clock) {
    this.#out = out;
    this.#board = board;
    this.#clock = clock;
    this.#draw = createLogUpdate(out.stream);
    this.#timer = setInterval(() => this.#render(), FRAME_MS);
  }

  changed(): void {
    this.#note = '';
  }

  note(text: string): void {
    this.#note = text;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#draw.clear();
    this.#draw.done();
    this.#out.lines([...this.#table(Number.POSITIVE_INFINITY), '']);
  }

  #render(): void {
    this.#frame += 1;
    // A terminal that does not know its size says 0.
    const lines = this.#table((this.#out.stream.rows || 24) - 3);
    this.#draw([...lines, ...(this.#note === '' ? [] : [this.#out.paint('yellow', this.#note)])].join('\n'));
  }

  #table(height: number): readonly string[] {
    return tableLines(this.#board, {
      paint: this.#out.paint,
      width: (this.#out.stream.columns || 80) - 1,
      height,
      now: this.#clock.now(),
      frame: this.#frame,
    });
  }
}
