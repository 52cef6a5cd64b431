import { expect, it } from 'vitest';
import type { DispatchKind } from '../../src/domain/attempt.ts';
import { attempt, PLAN, type StoredAttempt, seedAttempts, T0, updateAttempt } from './fixtures.ts';
import type { Subject } from './subject.ts';

const key = (stageId: string) => ({ planId: PLAN, stageId, idx: 1 });

/** The attempt of a stage, executed under the stage's id. */
const executed = (stageId: string, dispatch: DispatchKind, change: Partial<StoredAttempt> = {}): StoredAttempt => ({
  ...{ stageId, processUid: stageId, executionId: stageId, dispatch, state: 'RUNNING' },
  deadline: T0 + 1,
  ...(dispatch === 'BUILTIN' ? {} : { runnerType: 'docker', runnerId: 'r' }),
  ...change,
});

export function heldCases({ storage }: Subject): void {
  it('names the attempts whose execution ends with the process of the server', async () => {
    const bound = () => storage().read((one) => one.held.boundToProcess());
    expect(await bound()).toEqual([]);
    await seedAttempts(
      storage(),
      executed('builtin', 'BUILTIN'),
      executed('reserved', 'RUN', { state: 'PENDING' }),
      executed('run', 'RUN'),
      executed('run async', 'RUN_ASYNC'),
      executed('acquired', 'ACQUIRE', { confirmBy: T0 }),
      executed('ended', 'BUILTIN', { state: 'COMPLETE', endedAt: T0 }),
      { stageId: 'pending' },
      { stageId: 'held by a writer', state: 'RUNNING', processUid: 'w' },
    );
    const byStage = (await bound()).toSorted((a, b) => a.stageId.localeCompare(b.stageId));
    expect(byStage).toEqual(['builtin', 'reserved', 'run'].map(key));
  });

  it('names the attempts that were offered to a runner and not answered', async () => {
    const offered = () => storage().read((one) => one.held.offered());
    expect(await offered()).toEqual([]);
    await seedAttempts(
      storage(),
      executed('a', 'RUN_ASYNC', { state: 'PENDING' }),
      executed('b', 'RUN_ASYNC', { state: 'PENDING' }),
      executed('accepted', 'RUN_ASYNC', { state: 'SCHEDULED' }),
      executed('run', 'RUN', { state: 'PENDING' }),
      executed('ended', 'RUN_ASYNC', { state: 'INCOMPLETE', endedAt: T0 }),
      { stageId: 'pending', runnerType: 'docker' },
    );
    const byStage = (await offered()).toSorted((a, b) => a.stageId.localeCompare(b.stageId));
    expect(byStage).toEqual(['a', 'b'].map(key));
  });

  it('names all live attempts that runners have', async () => {
    const ofRunners = async () => {
      const held = await storage().read((one) => one.held.ofRunners());
      return held.toSorted((a, b) => a.executionId.localeCompare(b.executionId));
    };
    expect(await ofRunners()).toEqual([]);
    await seedAttempts(
      storage(),
      executed('a', 'RUN', { state: 'PENDING' }),
      executed('b', 'RUN_ASYNC', { state: 'SCHEDULED', runnerId: 'r2' }),
      executed('c', 'ACQUIRE', { runnerType: 'vm' }),
      executed('d', 'RUN', { state: 'INCOMPLETE', endedAt: T0 }),
      executed('e', 'BUILTIN'),
      { stageId: 'f', runnerType: 'docker' },
      { stageId: 'g', runnerType: 'docker', state: 'RUNNING', processUid: 'w' },
    );
    expect(await ofRunners()).toEqual([
      { executionId: 'a', runnerId: 'r', runnerType: 'docker' },
      { executionId: 'b', runnerId: 'r2', runnerType: 'docker' },
      { executionId: 'c', runnerId: 'r', runnerType: 'vm' },
    ]);
    await storage().write((uow) => updateAttempt(uow, attempt('a')));
    expect((await ofRunners()).map(({ executionId }) => executionId)).toEqual(['b', 'c']);
  });

  it('names what a runner acquired and was not heard of about', async () => {
    const unconfirmed = (runnerId: string) => storage().read((one) => one.held.unconfirmed(runnerId));
    const acquired = executed('a', 'ACQUIRE');
    await seedAttempts(
      storage(),
      { ...acquired, confirmBy: T0 },
      executed('b', 'ACQUIRE', { confirmBy: T0, runnerId: 'r2' }),
      executed('c', 'ACQUIRE'),
      executed('d', 'RUN'),
    );
    expect(await unconfirmed('r')).toEqual([key('a')]);
    expect(await unconfirmed('r2')).toEqual([key('b')]);
    expect(await unconfirmed('none')).toEqual([]);
    const { runnerType: _, ...confirmed } = acquired;
    await storage().write((uow) => updateAttempt(uow, attempt('a', confirmed)));
    expect(await unconfirmed('r')).toEqual([]);
  });
}
