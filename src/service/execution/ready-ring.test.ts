import { expect, it } from 'vitest';
import { ReadyRing } from './ready-ring.ts';

it('hands plans out in turn, each once until it is added again', () => {
  const ring = new ReadyRing();
  for (const plan of ['a', 'b', 'a', 'c', 'b']) ring.add(plan);
  expect([ring.take(), ring.take()]).toEqual(['a', 'b']);
  ring.add('a');
  expect([ring.take(), ring.take(), ring.take()]).toEqual(['c', 'a', undefined]);
});
