import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../domain/ports.ts';
import type { ProgressReport } from '../executor.ts';
import { OutputProgress } from './output-progress.ts';

/** Time that moves when told to. */
class ManualClock implements Clock {
  #now = 0;
  #timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { at: this.#now + delayMs, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.fire();
    }
  }
}

function setUp() {
  const clock = new ManualClock();
  const reports: ProgressReport[] = [];
  const progress = new OutputProgress(clock, (report) => reports.push(report));
  return { clock, reports, progress, write: (text: string) => progress.add(Buffer.from(text)) };
}

describe('progress of a command', () => {
  test('has whole lines, those of a quarter of a second in one entry', () => {
    const { clock, reports, progress, write } = setUp();
    write('one\ntw');
    write('o\nthr');
    expect(reports).toEqual([]);
    clock.advance(250);
    expect(reports).toEqual([{ message: 'one\ntwo' }]);
    write('ee\n');
    write('rest');
    clock.advance(250);
    expect(reports.slice(1)).toEqual([{ message: 'three' }]);
    progress.end();
    expect(reports.slice(2)).toEqual([{ message: 'rest' }]);
    clock.advance(10_000);
    expect(reports).toHaveLength(3);
  });

  test('a short command has one entry, a silent one none', () => {
    const short = setUp();
    short.write('done\n');
    short.progress.end();
    short.clock.advance(1000);
    expect(short.reports).toEqual([{ message: 'done' }]);

    const silent = setUp();
    silent.write('\n \n\x1b[0m\n');
    silent.clock.advance(1000);
    silent.progress.end();
    expect(silent.reports).toEqual([]);
  });

  test('of too many lines shows the newest and counts the others', () => {
    const { clock, reports, write, progress } = setUp();
    for (let n = 1; n <= 100_000; n += 1) write(`${n}\n`);
    clock.advance(250);
    write('x'.repeat(10_000));
    progress.end();
    const [entry, last] = reports;
    const shown = entry?.message.split('\n') ?? [];
    expect(shown.at(-1)).toBe('100000');
    expect(Number(entry?.details?.dropped_lines) + shown.length).toBe(100_000);
    expect(Buffer.byteLength(entry?.message ?? '')).toBeLessThanOrEqual(4096);
    expect(last).toEqual({ message: 'x'.repeat(4096) });
  });

  test('lines that a long unfinished one pushed out are counted with the next entry', () => {
    const { clock, reports, write, progress } = setUp();
    write(`a\nb\n${'x'.repeat(5000)}`);
    clock.advance(250);
    expect(reports).toEqual([]);
    write('\nc\n');
    progress.end();
    expect(reports).toEqual([{ message: 'c', details: { dropped_lines: 3 } }]);
  });

  test('of a command that writes without end is bounded: a day fits, then it stops with a word', () => {
    const { clock, reports, write, progress } = setUp();
    const day = 24 * 3600 * 1000;
    const entriesAt = new Map<number, number>();
    while (clock.now() < 10 * day) {
      write('tick\n');
      clock.advance(clock.now() < 60_000 ? 10 : 5000);
      if (clock.now() % 60_000 === 0) entriesAt.set(clock.now(), reports.length);
    }
    progress.end();
    expect(entriesAt.get(60_000)).toBeGreaterThan(100);
    expect(entriesAt.get(3_600_000)).toBeGreaterThan(entriesAt.get(1_800_000) ?? Number.NaN);
    expect(reports).toHaveLength(500);
    expect(entriesAt.get(day)).toBeLessThan(500);
    expect(reports.at(-1)?.message).toMatch(/further output only in the log/u);
  });
});
