import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../domain/json.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { systemClock } from '../../platform/clock.ts';
import type { ExecutionAnswer, ExecutionTask, ProgressReport } from './executor.ts';
import { createExecutors } from './executors.ts';
import { createLogStore } from './log-store.ts';
import { ProcessExecutor, type ProcessExecutorOptions } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'process-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const clock = systemClock();
const logs = createLogStore(join(folder, 'logs'), defaultLimits.processLogBytes);
const serverEnvironment = { PATH: process.env.PATH, HOME: '/home/of/server', SECRET_TOKEN: 'hunter2' };

type Run = { readonly answer: ExecutionAnswer; readonly progress: readonly ProgressReport[]; readonly log: string };

let runs = 0;

async function run(
  args: JsonObject,
  options: Partial<ProcessExecutorOptions> = {},
  task: Partial<ExecutionTask> = {},
  signal = new AbortController().signal,
): Promise<Run> {
  const executor = new ProcessExecutor({ enabled: true, clock, logs, environment: serverEnvironment, ...options });
  runs += 1;
  const whole = {
    executionId: 'execution-1',
    planId: 'plan',
    stageId: `stage-${runs}`,
    attemptIdx: 1,
    args,
    assignedCheckIds: ['a', 'b'],
    ...task,
  };
  const progress: ProgressReport[] = [];
  const answer = await executor.execute(whole, { signal, report: (entry) => progress.push(entry) });
  const path = (options.logs ?? logs).pathOf(whole);
  return { answer, progress, log: existsSync(path) ? readFileSync(path, 'utf8') : '' };
}

describe('the end of a command', () => {
  test('with status 0 is COMPLETE, and every assigned check becomes FINAL with the result', async () => {
    const { answer, progress, log } = await run({ command: 'echo one; echo two >&2' });
    const data = {
      exit_code: 0,
      signal: null,
      duration_ms: expect.any(Number),
      log: logs.pathOf({ planId: 'plan', stageId: `stage-${runs}`, attemptIdx: 1 }),
      tail: 'one\ntwo',
    };
    const update = { state: 'FINAL', data, finalize: true, failure: undefined };
    expect(answer).toEqual({
      checkUpdates: [
        { checkId: 'a', ...update },
        { checkId: 'b', ...update },
      ],
      details: data,
      failure: undefined,
      verdict: false,
    });
    expect(progress).toEqual([{ message: 'one\ntwo' }]);
    expect(log).toBe('one\ntwo\n');
  });

  test('with another status is INCOMPLETE and writes no result', async () => {
    const { answer } = await run({ command: ['sh', '-c', 'echo no; exit 3'] });
    expect(answer).toMatchObject({
      checkUpdates: [],
      details: { exit_code: 3, signal: null, tail: 'no' },
      failure: { message: 'the command ended with exit status 3', reason: 'EXECUTOR_FAILURE' },
      verdict: false,
    });
  });

  test('by a signal is INCOMPLETE', async () => {
    const { answer } = await run({ command: 'kill -KILL $$' });
    expect(answer).toMatchObject({
      checkUpdates: [],
      details: { exit_code: null, signal: 'SIGKILL' },
      failure: { message: 'the command was ended by SIGKILL', reason: 'EXECUTOR_FAILURE' },
    });
  });

  test('by its timeout is INCOMPLETE(TIMEOUT)', async () => {
    const { answer } = await run({ command: ['sleep', '1000'], timeout: '50ms', results: 'always' });
    expect(answer).toMatchObject({
      checkUpdates: [],
      details: { exit_code: null, signal: 'SIGTERM' },
      failure: { message: expect.stringMatching(/^the command timed out after \d+ ms$/u), reason: 'TIMEOUT' },
    });
  });

  test('by an abort is INCOMPLETE(CANCELLED), even if it then exits with 0', async () => {
    const controller = new AbortController();
    const up = join(folder, 'up');
    const command = `trap 'exit 0' TERM; touch ${up}; while :; do sleep 0.05; done`;
    const running = run({ command, results: 'always' }, {}, {}, controller.signal);
    await expect.poll(() => existsSync(up), { timeout: 10_000 }).toBe(true);
    controller.abort();
    expect((await running).answer).toMatchObject({
      checkUpdates: [],
      details: { exit_code: 0 },
      failure: { reason: 'CANCELLED' },
    });
  });

  test('that is aborted before it started leaves no trace', async () => {
    const { answer, log } = await run({ command: 'echo x' }, {}, {}, AbortSignal.abort());
    expect(answer).toMatchObject({ checkUpdates: [], failure: { reason: 'CANCELLED' } });
    expect(log).toBe('');
  });

  test('that could not start is INCOMPLETE with the reason, in the log, too', async () => {
    const { answer, log } = await run({ command: ['no-such-program'] });
    expect(answer).toMatchObject({
      checkUpdates: [],
      details: { log: expect.stringMatching(/1\.log$/u) },
      failure: { message: 'cannot start "no-such-program": command not found (ENOENT)', reason: 'EXECUTOR_FAILURE' },
    });
    expect(log).toBe('turboci: cannot start "no-such-program": command not found (ENOENT)\n');
  });
});

describe('results', () => {
  test('always: a status other than 0 is an answer, not a fault of the attempt', async () => {
    const { answer } = await run({ command: 'exit 1', results: 'always' });
    expect(answer.failure).toBeUndefined();
    const failure = { message: 'the command ended with exit status 1', reason: 'COMMAND_FAILED' };
    expect(answer.checkUpdates).toMatchObject([
      { checkId: 'a', state: 'FINAL', data: { exit_code: 1 }, finalize: true, failure },
      { checkId: 'b', state: 'FINAL', data: { exit_code: 1 }, finalize: true, failure },
    ]);
    expect((await run({ command: 'exit 0', results: 'always' })).answer.checkUpdates[0]?.failure).toBeUndefined();
    expect((await run({ command: 'kill -9 $$', results: 'always' })).answer.failure?.reason).toBe('EXECUTOR_FAILURE');
  });

  test('never: the details only', async () => {
    const good = (await run({ command: 'exit 0', results: 'never' })).answer;
    expect(good).toMatchObject({ checkUpdates: [], details: { exit_code: 0 }, failure: undefined });
    const bad = (await run({ command: 'exit 1', results: 'never' })).answer;
    expect(bad).toMatchObject({ checkUpdates: [], failure: { reason: 'EXECUTOR_FAILURE' } });
  });
});

describe('what a command gets', () => {
  test('a list goes to no shell, a string does', async () => {
    expect((await run({ command: ['echo', '$HOME', '*;', "it's"] })).log).toBe("$HOME *; it's\n");
    expect((await run({ command: 'echo $((6 * 7)) | cat' })).log).toBe('42\n');
  });

  test('its working directory', async () => {
    expect((await run({ command: ['pwd', '-P'], cwd: dirname(folder) })).log.trim()).not.toBe(process.cwd());
    expect((await run({ command: ['pwd'] })).log.trim()).toBe(process.cwd());
  });

  test('a minimal environment, its own, and who it is; no secret of the server', async () => {
    const task = { planId: 'a plan/ü', stageId: 's:1', attemptIdx: 7 };
    const args = { command: ['env', '-0'], env: { OWN: 'two\nlines' } };
    const { log } = await run(args, { serverAddress: () => '127.0.0.1:50051' }, task);
    expect(log.split('\0').sort()).toEqual(
      [
        '',
        'HOME=/home/of/server',
        'OWN=two\nlines',
        `PATH=${process.env.PATH}`,
        'TURBOCI_ATTEMPT_IDX=7',
        'TURBOCI_EXECUTION_ID=execution-1',
        'TURBOCI_SERVER=127.0.0.1:50051',
        'TURBOCI_STAGE_ID=s:1',
        'TURBOCI_WORK_PLAN_ID=a plan/ü',
      ].sort(),
    );
  });
});

describe('output', () => {
  test('is kept as it is in the log, and plain in progress and tail', async () => {
    const command = String.raw`printf '\033[31mred\033[0m\a \377\n10%%\r100%%\nlast'`;
    const { answer, progress, log } = await run({ command });
    expect(progress).toEqual([{ message: 'red \uFFFD\n100%\nlast' }]);
    expect(answer.details?.tail).toBe('red \uFFFD\n100%\nlast');
    expect(log).toBe('\x1b[31mred\x1b[0m\x07 \uFFFD\n10%\r100%\nlast');
  });

  test('of 100 MiB stays bounded in memory, log, progress and tail', async () => {
    let peak = 0;
    const before = process.memoryUsage.rss();
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 5);
    const { answer, progress } = await run({ command: 'yes 0123456789 | head -c 104857600; echo; echo the end' });
    clearInterval(watch);
    expect(answer.failure).toBeUndefined();
    expect(answer.details?.tail).toMatch(/^(0123456789\n)+.*\nthe end$/u);
    expect(String(answer.details?.tail).length).toBeLessThanOrEqual(4096);
    expect(statSync(String(answer.details?.log)).size).toBeLessThanOrEqual(defaultLimits.processLogBytes);
    expect(statSync(String(answer.details?.log)).size).toBeGreaterThan(defaultLimits.processLogBytes - 1000);
    expect(progress.length).toBeLessThanOrEqual(500);
    for (const { message } of progress) expect(message.length).toBeLessThanOrEqual(4096);
    expect(Number(progress[0]?.details?.dropped_lines)).toBeGreaterThan(1000);
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  });

  test('without a newline is bounded, too', async () => {
    const { answer, progress } = await run({ command: 'head -c 20000000 /dev/zero | tr "\\0" x' });
    expect(answer.details?.tail).toBe('x'.repeat(4096));
    expect(progress).toEqual([{ message: 'x'.repeat(4096) }]);
  });

  test('beyond the cap of the log is cut with a note, the tail is not', async () => {
    const capped = createLogStore(join(folder, 'capped'), 1000);
    const { answer, log } = await run({ command: 'seq 1 1000' }, { logs: capped });
    expect(log.length).toBeLessThanOrEqual(1000);
    expect(log).toMatch(/^1\n2\n3\n[\s\S]*\n\[turboci: cut here, a log has at most 1000 bytes\]\n$/u);
    expect(answer.details?.tail).toMatch(/\n1000$/u);
  });

  test('comes as progress while the command runs', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const executor = new ProcessExecutor({ enabled: true, clock, logs, environment: serverEnvironment });
    const args = { command: 'echo started; exec sleep 1000' };
    const task = { executionId: 'e', planId: 'plan', stageId: 'live', attemptIdx: 1, args, assignedCheckIds: [] };
    const running = executor.execute(task, {
      signal: controller.signal,
      report: ({ message }) => {
        seen.push(message);
        controller.abort();
      },
    });
    expect((await running).failure?.reason).toBe('CANCELLED');
    expect(seen).toEqual(['started']);
  });

  test('goes with its plan', async () => {
    const { answer } = await run({ command: 'echo x' }, {}, { planId: 'to/remove' });
    expect(existsSync(String(answer.details?.log))).toBe(true);
    await logs.removePlan('to/remove');
    expect(existsSync(String(answer.details?.log))).toBe(false);
  });

  test('that has no place to go fails the attempt before it starts', async () => {
    const file = join(folder, 'no-folder');
    writeFileSync(file, '');
    const started = join(folder, 'started');
    const attempt = run({ command: ['touch', started] }, { logs: createLogStore(file, 1000) });
    await expect(attempt).rejects.toThrow('ENOTDIR');
    expect(existsSync(started)).toBe(false);
  });
});

describe('the builtin executors', () => {
  const options = { clock, process: { enabled: false, logs, environment: {} } };

  test('are known by runner type, on or off', () => {
    const executors = createExecutors(options);
    expect([...executors].map(([type, { enabled }]) => [type, enabled])).toEqual([
      ['builtin/noop', true],
      ['builtin/process', false],
    ]);
  });

  test('check args with paths', () => {
    const process = createExecutors(options).get('builtin/process');
    expect(process?.check({ command: ['true'] })).toEqual([]);
    expect(process?.check({ command: ['true'], env: { A: 1 } })).toEqual([
      { path: ['env', 'A'], message: 'expected a string' },
    ]);
  });
});
