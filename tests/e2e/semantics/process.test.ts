import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, Outcome } from '../../../gen/turboci/v1/common_pb.js';
import { waitFor } from '../../support/wait-for.ts';
import { answersFor, command, once } from './harness/builtin.ts';
import { all, onCheck } from './harness/groups.ts';
import { lastAttempt } from './harness/plan.ts';
import { refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

// Before the server starts: what a stage's process must not see.
process.env.SEMANTICS_SECRET = 'not for stages';
const server = useServer({ processExecutor: true });
const { FINAL } = CheckState;
const { INCOMPLETE } = AttemptState;

describe('semantics 9: builtin/process', () => {
  test('exit 0: COMPLETE, every assigned check gets a finalized result and becomes FINAL', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'a' }, { id: 'b', state: CheckState.PLANNED }],
      stages: [command('s', { command: ['/bin/echo', 'hello', '$HOME'] }, { assignments: answersFor('a', 'b') })],
    });
    expect(await plan.untilFinal('s')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    for (const id of ['a', 'b']) {
      const check = await plan.check(id);
      expect(check).toMatchObject({
        state: FINAL,
        outcome: Outcome.SUCCEEDED,
        results: [{ ownerType: 'stage_attempt', ownerId: 's:1' }],
      });
      const { data, finalizedAt } = check.results[0] ?? expect.fail('no result');
      expect(finalizedAt).toBeDefined();
      expect(Object.keys(data ?? {})).toEqual(
        expect.arrayContaining(['exit_code', 'signal', 'duration_ms', 'log', 'tail']),
      );
      expect(data).toMatchObject({ exit_code: 0 });
      expect(JSON.stringify(data?.tail)).toContain('hello $HOME');
      expect(await readFile(String(data?.log), 'utf8')).toContain('hello $HOME');
    }
  });

  test('a check is answered even while its dependencies are open', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'gate' }, { id: 'c', state: CheckState.PLANNED, dependencies: all(onCheck('gate')) }],
      stages: [command('s', { command: 'true' }, { assignments: answersFor('c') })],
    });
    await plan.untilFinal('s');
    expect(await plan.check('c')).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
      results: [{ ownerId: 's:1', data: { exit_code: 0 } }],
    });
  });

  test('another exit: INCOMPLETE(EXECUTOR_FAILURE) with the same fields in the details', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'c' }],
      stages: [command('s', { command: 'echo oops >&2; exit 7' }, { assignments: answersFor('c') })],
    });
    const stage = await plan.untilFinal('s');
    expect(stage).toMatchObject({
      outcome: Outcome.FAILED,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'EXECUTOR_FAILURE' } }],
    });
    const { details } = lastAttempt(stage);
    // There was no signal: null in a result, and what merges by RFC 7396 cannot hold null.
    expect(Object.keys(details ?? {})).toEqual(expect.arrayContaining(['exit_code', 'duration_ms', 'log', 'tail']));
    expect(details).toMatchObject({ exit_code: 7 });
    expect(JSON.stringify(details?.tail)).toContain('oops');
    expect(await plan.check('c')).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      results: [{ ownerType: 'orchestrator' }],
    });
  });

  test('a signal', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [command('s', { command: 'kill -TERM $$' })] });
    expect(lastAttempt(await plan.untilFinal('s'))).toMatchObject({
      state: INCOMPLETE,
      failure: { reason: 'EXECUTOR_FAILURE' },
      details: { signal: 'SIGTERM' },
    });
  });

  test('its timeout', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [command('s', { command: ['sleep', '60'], timeout: '0.2s' })] });
    expect(lastAttempt(await plan.untilFinal('s'))).toMatchObject({
      state: INCOMPLETE,
      failure: { reason: 'TIMEOUT' },
    });
  });

  test('a command that cannot be started', async () => {
    const plan = await server.plan();
    await plan.write({
      stages: [
        command('s', { command: ['/no/such/program'] }),
        command('t', { command: 'true', cwd: '/no/such/folder' }),
      ],
    });
    for (const id of ['s', 't'])
      expect(lastAttempt(await plan.untilFinal(id))).toMatchObject({
        state: INCOMPLETE,
        failure: { reason: 'EXECUTOR_FAILURE' },
      });
  });

  test('cwd and env; the environment is minimal', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'c' }],
      stages: [
        command(
          's',
          { command: 'pwd; env', cwd: server.folder, env: { GREETING: 'good day' } },
          { assignments: answersFor('c') },
        ),
      ],
    });
    await plan.untilFinal('s');
    const { results } = await plan.check('c');
    const output = await readFile(String(results[0]?.data?.log), 'utf8');
    expect(output).toContain(server.folder);
    expect(output).toContain('GREETING=good day');
    expect(output).not.toContain('SEMANTICS_SECRET');
  });

  test.each([
    { name: 'no command', args: {} },
    { name: 'an empty command', args: { command: [] } },
    { name: 'a command that is no text', args: { command: 7 } },
    { name: 'a timeout that is none', args: { command: 'true', timeout: 'soon' } },
  ])('bad args ($name) do not run', async ({ args }) => {
    const plan = await server.plan();
    const written = await plan
      .write({
        stages: [
          { id: 's', args: JSON.parse(JSON.stringify(args)), runnerType: 'builtin/process', executionPolicy: once },
        ],
      })
      .catch((error: unknown) => refused(Promise.reject(error), { code: 'INVALID_ARGUMENT' }));
    if (!('stages' in written)) return;
    expect(await plan.untilFinal('s')).toMatchObject({
      outcome: Outcome.FAILED,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'EXECUTOR_FAILURE' } }],
    });
  });

  test('CancelStage kills the whole process group', async () => {
    const plan = await server.plan();
    const pids = join(server.folder, 'pids');
    const script = `sh -c 'trap "" TERM; echo $$ > ${pids}.child; while :; do sleep 1; done' & echo $$ > ${pids}.parent; wait`;
    await plan.write({ stages: [command('s', { command: script }, { executionPolicy: { maxAttempts: 3 } })] });
    const alive = async (which: string): Promise<number | undefined> => {
      const pid = Number(await readFile(`${pids}.${which}`, 'utf8').catch(() => '0'));
      return pid > 0 ? pid : undefined;
    };
    const [parent, child] = [
      await waitFor('the parent', () => alive('parent')),
      await waitFor('the child', () => alive('child')),
    ];
    await plan.cancelStage('s');
    const stage = await plan.untilFinal('s');
    expect(stage).toMatchObject({
      outcome: Outcome.CANCELLED,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'CANCELLED' } }],
    });
    expect(stage.attempts).toHaveLength(1);
    await waitFor('both to be gone', () => !exists(parent) && !exists(child));
  });
});

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
