import { expect, it } from 'vitest';
import { concludedReasons, type Stage } from '../../src/domain/stage.ts';
import { check, PLAN, seed, stage, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

const FINAL = { state: 'FINAL', outcome: 'SUCCEEDED', concludedReason: 'ATTEMPT_COMPLETE' } as const;

export function stageCases({ storage }: Subject): void {
  const get = (id: string) => storage().read((snapshot) => snapshot.stages.get(PLAN, id));

  it('gives a stage back as it was inserted, with its args and assignments in order', async () => {
    await seed(storage(), { checks: [check('z'), check('a')], stages: [stage('parent')] });
    const stored = stage('s', {
      executionMode: 'ASYNC',
      runnerType: 'docker',
      policy: {
        maxAttempts: 7,
        attemptTimeoutMs: 1,
        heartbeatTimeoutMs: 2000,
        stageTimeoutMs: 3,
        backoffInitialMs: 4,
        backoffMultiplier: 1.25,
        backoffMaxMs: 5,
      },
      parentStageId: 'parent',
      version: 2,
      revision: 3,
      updatedAt: T0 + 1,
    });
    const assignments = [
      { targetCheckId: 'z', goalState: 'FINAL' },
      { targetCheckId: 'a', goalState: 'PLANNED' },
    ] as const;
    await storage().write((uow) => uow.stages.insert(stored, { command: ['make'] }, assignments));
    await storage().read(async ({ stages }) => {
      expect(await stages.get(PLAN, 's')).toEqual(stored);
      expect(await stages.args(PLAN, 's')).toEqual({ command: ['make'] });
      expect(await stages.assignments(PLAN, 's')).toEqual(assignments);
      expect(await stages.get(PLAN, 'parent')).toEqual(stage('parent'));
      expect(await stages.args(PLAN, 'parent')).toBeUndefined();
      expect(await stages.assignments(PLAN, 'parent')).toEqual([]);
      expect(await stages.get(PLAN, 'none')).toBeUndefined();
    });
  });

  it('updates what can change, through all states, outcomes and reasons', async () => {
    await seed(storage(), { stages: [stage('s', { runnerType: 'docker' })] });
    const changes: Partial<Stage>[] = [
      { state: 'ATTEMPTING', attemptCount: 1, version: 2, revision: 3, updatedAt: T0 + 2 },
      { state: 'AWAITING_GROUP', concludedReason: 'ATTEMPT_COMPLETE', openChildren: 2, hasContinuationGroup: true },
      ...concludedReasons.map((concludedReason) => ({ ...FINAL, concludedReason })),
      ...(['FAILED', 'CANCELLED', 'SKIPPED'] as const).map((outcome) => ({ ...FINAL, outcome })),
      { cancelledAt: T0 + 3, cancelReason: 'stop' },
      { timedOut: true },
    ];
    for (const change of changes) {
      const changed = stage('s', { runnerType: 'docker', ...change });
      await storage().write((uow) => uow.stages.update(changed));
      expect(await get('s')).toEqual(changed);
    }
  });

  it('names open stages and open children, by creation', async () => {
    const child = { parentStageId: 'p' };
    await seed(storage(), {
      stages: [stage('p'), stage('z', child), stage('f', { ...child, ...FINAL }), stage('a', child), stage('q')],
    });
    await storage().write(async (uow) => {
      expect(await uow.stages.openIds(PLAN)).toEqual(['p', 'z', 'a', 'q']);
      expect(await uow.stages.openChildIds(PLAN, 'p')).toEqual(['z', 'a']);
      expect(await uow.stages.openChildIds(PLAN, 'q')).toEqual([]);
      await uow.stages.update(stage('z', { ...child, ...FINAL }));
      expect(await uow.stages.openChildIds(PLAN, 'p')).toEqual(['a']);
    });
  });

  it('fails to insert a stage twice, under an unknown parent or for an unknown check', async () => {
    await seed(storage(), { stages: [stage('s')] });
    const insert = (one: Stage, targetCheckId?: string) =>
      storage().write((uow) =>
        uow.stages.insert(one, {}, targetCheckId === undefined ? [] : [{ targetCheckId, goalState: 'FINAL' }]),
      );
    await expect(insert(stage('s'))).rejects.toThrow();
    await expect(insert(stage('t', { parentStageId: 'none' }))).rejects.toThrow();
    await expect(insert(stage('t'), 'none')).rejects.toThrow();
    await expect(storage().write((uow) => uow.stages.update(stage('t')))).rejects.toThrow();
    expect(await get('t')).toBeUndefined();
  });
}
