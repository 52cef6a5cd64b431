import { expect, test } from 'vitest';
import { Gate } from './gate.ts';

const never = new AbortController().signal;

function work(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const run = async (): Promise<string> => {
    log.push(`${name} begins`);
    await promise;
    return name;
  };
  return { run, end: resolve };
}

test('so many at a time, the others in the order in which they came', async () => {
  const gate = new Gate(2);
  const log: string[] = [];
  const all = ['a', 'b', 'c', 'd'].map((name) => work(log, name));
  const done = all.map(({ run }) => gate.pass(never, run));
  expect(log).toEqual(['a begins', 'b begins']);
  all[1]?.end();
  await done[1];
  await expect.poll(() => log).toEqual(['a begins', 'b begins', 'c begins']);
  for (const { end } of all) end();
  expect(await Promise.all(done)).toEqual(['a', 'b', 'c', 'd']);
  expect(log.at(-1)).toBe('d begins');
});

test('who gives up while it waits does nothing, and takes no place', async () => {
  const gate = new Gate(1);
  const log: string[] = [];
  const [first, gone, next] = ['first', 'gone', 'next'].map((name) => work(log, name));
  if (first === undefined || gone === undefined || next === undefined) throw new Error('no work');
  const caller = new AbortController();
  const passing = [gate.pass(never, first.run), gate.pass(caller.signal, gone.run), gate.pass(never, next.run)];
  caller.abort(new Error('the caller has gone'));
  await expect(passing[1]).rejects.toThrow('the caller has gone');
  first.end();
  next.end();
  expect([await passing[0], await passing[2]]).toEqual(['first', 'next']);
  expect(log).toEqual(['first begins', 'next begins']);
  await expect(gate.pass(AbortSignal.abort(new Error('too late')), gone.run)).rejects.toThrow('too late');
});

test('work that fails leaves its place', async () => {
  const gate = new Gate(1);
  await expect(gate.pass(never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await gate.pass(never, async () => 'yes')).toBe('yes');
});
