import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../domain/json.ts';
import { systemClock } from '../../platform/clock.ts';
import type { ExecutionAnswer, ExecutionTask } from './executor.ts';
import { NoopExecutor } from './noop.ts';

const noop = new NoopExecutor(systemClock());

function taskOf(args: JsonObject): ExecutionTask {
  return { executionId: 'x', planId: 'p', stageId: 's', attemptIdx: 1, args, assignedCheckIds: ['assigned'] };
}

function run(args: JsonObject, signal = new AbortController().signal): Promise<ExecutionAnswer> {
  return noop.execute(taskOf(args), { signal, report: () => expect.unreachable('noop has no progress') });
}

describe('builtin/noop', () => {
  test('without args it is COMPLETE and writes nothing', async () => {
    expect(await run({})).toEqual({ checkUpdates: [], details: undefined, failure: undefined, verdict: false });
  });

  test('checks become FINAL with a finalized result', async () => {
    const { checkUpdates, failure } = await run({ checks: { a: { n: 1 }, b: {} } });
    expect(failure).toBeUndefined();
    expect(checkUpdates).toEqual([
      { checkId: 'a', state: 'FINAL', data: { n: 1 }, finalize: true, failure: undefined },
      { checkId: 'b', state: 'FINAL', data: {}, finalize: true, failure: undefined },
    ]);
  });

  test('fail makes it INCOMPLETE, results are written all the same', async () => {
    const { checkUpdates, failure } = await run({ fail: 'no luck', checks: { a: {} } });
    expect(failure).toEqual({ message: 'no luck', reason: 'EXECUTOR_FAILURE' });
    expect(checkUpdates.map(({ checkId }) => checkId)).toEqual(['a']);
  });

  test('delay waits at least so long', async () => {
    const startedAt = performance.now();
    expect((await run({ delay: '20ms' })).failure).toBeUndefined();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(19);
  });

  test('abort ends a delay and writes nothing', async () => {
    const controller = new AbortController();
    const answer = run({ delay: '1h', checks: { a: {} } }, controller.signal);
    controller.abort();
    expect(await answer).toMatchObject({ failure: { reason: 'CANCELLED' }, checkUpdates: [] });
    expect(await run({ delay: '1h' }, controller.signal)).toMatchObject({ failure: { reason: 'CANCELLED' } });
  });

  test.each<[JsonObject, (string | number)[][]]>([
    [{}, []],
    [{ delay: '1m30s', fail: '', checks: {} }, []],
    [{ sleep: '1s', dalay: 1 }, [['sleep'], ['dalay']]],
    [{ delay: 10 }, [['delay']]],
    [{ delay: '10' }, [['delay']]],
    [{ fail: true }, [['fail']]],
    [{ checks: [] }, [['checks']]],
    [
      { checks: { a: {}, b: 1, c: [] } },
      [
        ['checks', 'b'],
        ['checks', 'c'],
      ],
    ],
    [{ checks: null, fail: null }, [['checks'], ['fail']]],
  ])('check(%j) finds faults at %j', (args, paths) => {
    expect(noop.check(args).map(({ path }) => path)).toEqual(paths);
  });

  test('faulty args of a stored stage reject with the reason', async () => {
    await expect(run({ checks: { a: 1 } })).rejects.toThrow('args.checks.a: expected an object');
  });
});
