import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

it('runs one piece of work at a time, in order, and goes on after a failure', async () => {
  const turns = new Turns();
  const trace: string[] = [];
  const work = (name: string, fail = false) =>
    turns.take(async () => {
      trace.push(`${name} begins`);
      await Promise.resolve();
      await Promise.resolve();
      trace.push(`${name} ends`);
      if (fail) throw new Error(name);
      return name;
    });
  const ends = await Promise.allSettled([work('a'), work('b', true), work('c')]);
  expect(trace).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(ends.map((end) => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('has settled when all work handed in before has', async () => {
  const turns = new Turns();
  let isDone = false;
  const work = turns.take(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    isDone = true;
    throw new Error('failed work counts too');
  });
  await turns.settled();
  expect(isDone).toBe(true);
  await expect(work).rejects.toThrow();
});
