import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { refused } from '../e2e/semantics/harness/refusal.ts';
import { findViolations } from '../support/invariants.ts';
import { inHand, reportedKinds } from './harness/in-hand.ts';
import { milliseconds } from './harness/milliseconds.ts';
import { MortalServer } from './harness/mortal-server.ts';
import { Scene } from './harness/scene.ts';
import { ways } from './harness/ways.ts';
import { mostAtOnce, spans } from './harness/work-log.ts';

const { COMPLETE, INCOMPLETE } = AttemptState;
const HOUR_MS = 3_600_000;

async function mortal() {
  const server = await MortalServer.start();
  return { server, scene: await Scene.open(server) };
}

/** Edits the database of a server that is down, as if it had been down for that long. */
function letPass(path: string, ms: number, ...columns: readonly string[]): void {
  const database = new Database(path);
  const back = columns.map((column) => `${column} = ${column} - ${ms}`).join(', ');
  database.exec(`UPDATE stage_attempts SET ${back}, due_at = due_at - ${ms} WHERE state < 30`);
  database.close();
}

describe('a server that comes back', () => {
  test('hands out what waits to runners that registered before', async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner({ maxConcurrent: 2 });
    const ids = Array.from({ length: 12 }, (_, index) => `s${index}`);
    await scene.plan.write({ stages: ids.map((id) => scene.async(id, { hold: true })) });
    await runner.until('start', undefined, 2);
    await server.kill();
    await server.again();
    expect(await scene.only()).toMatchObject({ runnerId: runner.runnerId, address: runner.address, currentLoad: 2 });
    await runner.release();
    expect(await scene.plan.untilOver()).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(spans(runner)).toHaveLength(12);
    expect(mostAtOnce(spans(runner))).toBeLessThanOrEqual(2);
    expect(findViolations(server.path)).toEqual([]);
  });

  test.each(reportedKinds)('acknowledges a report that it has stored before, and no other (%s)', async (kind) => {
    const server = await MortalServer.start();
    const { scene, executionId } = await inHand(server, kind, {}, { checks: [{ id: 'unit' }] });
    const answer = { checkUpdates: [{ checkId: 'unit', resultData: { a: 1, b: { c: 2 } }, state: CheckState.FINAL }] };
    await scene.complete(executionId, answer);
    await server.kill();
    await server.again();
    const before = await scene.plan.snapshot();
    expect(await scene.complete(executionId, answer)).toBe(true);
    await refused(scene.complete(executionId, { ...answer, details: { a: 1 } }), { code: 'FAILED_PRECONDITION' });
    await scene.plan.expectUnchanged(before);
    expect(findViolations(server.path)).toEqual([]);
  });

  test.each(ways.slice(1))('after an hour does not take healthy runners for lost ($way)', async (by) => {
    const { server, scene } = await mortal();
    const runner = await scene.runner({ ...by.options, ttlSeconds: 3 });
    const executionPolicy = {
      maxAttempts: 1,
      heartbeatTimeout: milliseconds(2000),
      attemptTimeout: milliseconds(3 * HOUR_MS),
    };
    await scene.plan.write({ stages: [scene[by.mode]('build', { hold: true, beatMs: 200 }, { executionPolicy })] });
    await runner.until('update', 'build');
    await server.kill();
    letPass(server.path, HOUR_MS, 'heartbeat_by');
    await server.again();
    await runner.until('update', 'build', runner.seen('update').length + 5);
    await runner.release();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      attempts: [{ idx: 1, state: COMPLETE }],
    });
    expect(findViolations(server.path)).toEqual([]);
  });

  test('after an hour still knows the runners that registered', async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner({ registers: false });
    await scene.register(runner.runnerId, { address: runner.address, ttlSeconds: 60n });
    await server.kill();
    const database = new Database(server.path);
    database.exec(`UPDATE stage_runners SET expires_at = expires_at - ${HOUR_MS}`);
    database.close();
    await server.again();
    expect(await scene.only()).toMatchObject({ runnerId: runner.runnerId });
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(findViolations(server.path)).toEqual([]);
  });

  test('takes silent runners for lost after one more heartbeat_timeout', async () => {
    const server = await MortalServer.start();
    const executionPolicy = { maxAttempts: 1, heartbeatTimeout: milliseconds(1000) };
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', { executionPolicy });
    await scene.update(executionId);
    await server.kill();
    await server.again();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.FAILED,
      attempts: [{ failure: { reason: 'HEARTBEAT_LOST' } }],
    });
    expect(findViolations(server.path)).toEqual([]);
  });

  test.each(reportedKinds)('ends what ran out of time while it was down (%s)', async (kind) => {
    const server = await MortalServer.start();
    const executionPolicy = { maxAttempts: 1, attemptTimeout: milliseconds(600_000) };
    const { scene, executionId } = await inHand(server, kind, { executionPolicy });
    await scene.update(executionId);
    await server.kill();
    letPass(server.path, HOUR_MS, 'deadline');
    await server.again();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.FAILED,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'TIMEOUT' } }],
    });
    await refused(scene.complete(executionId), { code: 'FAILED_PRECONDITION' });
    expect(findViolations(server.path)).toEqual([]);
  });

  test('goes on with a cancellation: the runner is told, and the grace time ends', async () => {
    const { server, scene } = await mortal();
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.async('build', { hold: true, beatMs: 200, onCancel: 'ignore' })] });
    await runner.until('update', 'build');
    await scene.plan.cancelStage('build');
    await server.kill();
    letPass(server.path, HOUR_MS, 'cancel_by');
    await server.again();
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.CANCELLED,
      attempts: [{ failure: { reason: 'CANCELLED' } }],
    });
    expect(findViolations(server.path)).toEqual([]);
  });

  test('has a mix of 60 stages end, whatever the moment of its deaths', { timeout: 120_000 }, async () => {
    const { server, scene } = await mortal();
    const pushed = [await scene.runner({ maxConcurrent: 4 }), await scene.runner({ maxConcurrent: 4 })];
    const puller = await scene.runner({ serves: false, pullWaitMs: 5000, maxConcurrent: 4 });
    const ids = Array.from({ length: 60 }, (_, index) => `s${index}`);
    const executionPolicy = { maxAttempts: 30, heartbeatTimeout: milliseconds(3000) };
    const act = { ms: 60, beatMs: 500 };
    await scene.plan.write({
      stages: ids.map((id, index) => scene[index % 2 === 0 ? 'sync' : 'async'](id, act, { executionPolicy })),
    });
    const runners = [...pushed, puller];
    const ended = () => runners.reduce((sum, runner) => sum + runner.seen('end').length, 0);
    for (const target of [5, 20, 35]) {
      await scene.plan.untilStage('s0', `${target} ends`, () => ended() >= target);
      await server.kill();
      await server.again();
    }
    for (const id of ids) {
      expect(await scene.plan.untilFinal(id)).toMatchObject({ state: StageState.FINAL, outcome: Outcome.SUCCEEDED });
    }
    expect(spans(...runners).length).toBeGreaterThanOrEqual(60);
    expect(findViolations(server.path)).toEqual([]);
  });
});
