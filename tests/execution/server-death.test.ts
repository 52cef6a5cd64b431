import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, ConcludedReason, Outcome } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { findViolations } from '../support/invariants.ts';
import { milliseconds } from './harness/milliseconds.ts';
import { MortalServer } from './harness/mortal-server.ts';
import { Scene } from './harness/scene.ts';
import { ways } from './harness/ways.ts';
import { spans } from './harness/work-log.ts';

const { COMPLETE, INCOMPLETE, RUNNING } = AttemptState;

async function mortal() {
  const server = await MortalServer.start();
  return { server, scene: await Scene.open(server) };
}

describe('kill -9 of the server while a runner works', () => {
  test('by Run: the attempt is INCOMPLETE(SERVER_RESTART) at once, its call is cut, and policy retries it', async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.sync('build', [{ hold: true }, {}])] });
    await runner.until('start', 'build');
    await server.kill();
    await runner.until('cut', 'build');
    await server.again();
    const stage = await scene.plan.untilFinal('build');
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, failure: { reason: 'SERVER_RESTART' } },
      { state: COMPLETE, runnerId: runner.runnerId },
    ]);
    expect(spans(runner)).toHaveLength(2);
    expect(await scene.only()).toMatchObject({ currentLoad: 0 });
    expect(findViolations(server.path)).toEqual([]);
  });

  test('by Run, again and again: each kill costs one attempt, until none is left', { timeout: 60_000 }, async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.sync('unlucky', { hold: true })] });
    for (let nth = 1; nth <= 3; nth++) {
      await runner.until('start', 'unlucky', nth);
      await server.kill();
      await server.again();
    }
    const stage = await scene.plan.untilFinal('unlucky');
    expect(stage).toMatchObject({ outcome: Outcome.FAILED, concludedReason: ConcludedReason.NO_RETRIES_LEFT });
    expect(stage.attempts.map(({ failure }) => failure?.reason)).toEqual(Array(3).fill('SERVER_RESTART'));
    expect(runner.seen('start')).toHaveLength(3);
    expect(findViolations(server.path)).toEqual([]);
  });

  test.each(ways.slice(1))('by $way: the attempt stands, and the runner reports to the next process', async (by) => {
    const { server, scene } = await mortal();
    const runner = await scene.runner(by.options);
    const executionPolicy = { heartbeatTimeout: milliseconds(2000) };
    const answer = { checkUpdates: [{ checkId: 'unit', state: 'CHECK_STATE_FINAL', resultData: { passed: 1 } }] };
    const act = { hold: true, beatMs: 200, answer };
    await scene.plan.write({ checks: [{ id: 'unit' }], stages: [scene[by.mode]('build', act, { executionPolicy })] });
    await runner.until('update', 'build');
    await server.kill();
    await server.again();
    const beats = runner.seen('update').length;
    await runner.until('update', 'build', beats + 2);
    expect(lastAttempt(await scene.plan.stage('build'))).toMatchObject({ idx: 1, state: RUNNING });
    expect(await scene.only()).toMatchObject({ currentLoad: 1 });
    await runner.release();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      attempts: [{ idx: 1, state: COMPLETE }],
    });
    expect(await scene.plan.check('unit')).toMatchObject({
      state: CheckState.FINAL,
      results: [{ ownerId: 'build:1' }],
    });
    expect(spans(runner)).toHaveLength(1);
    expect(findViolations(server.path)).toEqual([]);
  });

  test.each(ways.slice(1))('by $way: an execution that ends while the server is down is not lost', async (by) => {
    const { server, scene } = await mortal();
    const runner = await scene.runner(by.options);
    const stages = ['one', 'two', 'three'].map((id) => scene[by.mode](id, { hold: true, answers: 2 }));
    await scene.plan.write({ stages });
    await runner.until('start', 'three');
    await runner.until('start', 'two');
    await runner.until('start', 'one');
    await server.kill();
    await runner.release();
    await runner.until('end', undefined, 3);
    await server.again();
    for (const id of ['one', 'two', 'three']) {
      expect(await scene.plan.untilFinal(id)).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
    }
    await runner.until('complete', undefined, 6);
    expect(runner.seen('complete').every(({ outcome }) => outcome === 'OK')).toBe(true);
    expect(findViolations(server.path)).toEqual([]);
  });

  test('by RunAsync that it has not accepted yet: the attempt stands, since the runner may report', async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.async('build', { hold: true, accepts: 'last' })] });
    await runner.until('start', 'build');
    await server.kill();
    await server.again();
    await runner.release();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      attempts: [{ idx: 1, state: COMPLETE }],
    });
    expect(spans(runner)).toHaveLength(1);
    expect(findViolations(server.path)).toEqual([]);
  });
});

describe('kill -9 of the server and of the runner', () => {
  test.each([
    { what: 'heartbeat_timeout', policy: { heartbeatTimeout: milliseconds(2000) }, reason: 'HEARTBEAT_LOST' },
    { what: 'attempt_timeout', policy: { attemptTimeout: milliseconds(5000) }, reason: 'TIMEOUT' },
  ])('before the runner took notice of a RunAsync costs no more than the $what', async ({ policy, reason }) => {
    const { server, scene } = await mortal();
    const frozen = await scene.runner();
    await frozen.kill('SIGSTOP');
    await scene.plan.write({ stages: [scene.async('build', {}, { executionPolicy: policy })] });
    await scene.plan.untilStage('build', 'reserved', ({ attempts }) => attempts[0]?.executionId !== '');
    await server.kill();
    await frozen.kill('SIGKILL');
    await server.again();
    const heir = await scene.runner();
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, runnerId: frozen.runnerId, failure: { reason } },
      { state: COMPLETE, runnerId: heir.runnerId },
    ]);
    expect(findViolations(server.path)).toEqual([]);
  });
});

describe('a server that is told to end while runners work', () => {
  test('ends in order; the next one goes on as after a crash', { timeout: 60_000 }, async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner();
    await scene.plan.write({
      stages: [scene.sync('sync', [{ hold: true }, {}]), scene.async('async', { hold: true })],
    });
    await runner.until('start', 'sync');
    await runner.until('start', 'async');
    expect(await server.kill('SIGTERM')).toMatchObject({ code: 0 });
    await runner.release('async');
    await server.again();
    expect((await scene.plan.untilFinal('sync')).attempts).toMatchObject([
      { state: INCOMPLETE, failure: { reason: 'SERVER_RESTART' } },
      { state: COMPLETE },
    ]);
    expect((await scene.plan.untilFinal('async')).attempts).toMatchObject([{ state: COMPLETE }]);
    expect(findViolations(server.path)).toEqual([]);
  });
});
