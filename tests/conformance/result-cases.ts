import { beforeEach, expect, it } from 'vitest';
import { check, PLAN, result, seed, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

const failure = { message: 'broken', occurredAt: T0 + 1, reason: '' };

export function resultCases({ storage }: Subject): void {
  const find = (checkId: string, ownerId: string) =>
    storage().write((uow) => uow.results.find(PLAN, checkId, 'tool', ownerId));
  const insert = (checkId: string, one: ReturnType<typeof result>) =>
    storage().write((uow) => uow.results.insert(PLAN, checkId, one));

  beforeEach(() => seed(storage(), { checks: [check('c'), check('d')] }));

  it('gives a new result an id and gives it back as it was inserted', async () => {
    const stored = await insert('c', result('a', { id: 99, failure, finalizedAt: T0 + 2 }));
    expect(stored).toEqual(result('a', { id: stored.id, failure, finalizedAt: T0 + 2 }));
    expect(await find('c', 'a')).toEqual(stored);
    expect(await find('c', 'b')).toBeUndefined();
    expect(await find('d', 'a')).toBeUndefined();
    const second = await insert('c', result('b', { data: undefined }));
    expect(second.id).toBeGreaterThan(stored.id);
    expect((await find('c', 'b'))?.data).toBeUndefined();
  });

  it('holds one result for each owner and check', async () => {
    await insert('c', result('a'));
    await insert('d', result('a'));
    await insert('c', result('a', { ownerType: 'other' }));
    await expect(insert('c', result('a'))).rejects.toThrow();
  });

  it('replaces data, failure and finalization', async () => {
    const stored = await insert('c', result('a', { failure }));
    const next = { ...stored, data: { lines: 4 }, failure: undefined, finalizedAt: T0 + 3 };
    await storage().write((uow) => uow.results.replace(PLAN, 'c', next));
    expect(await find('c', 'a')).toEqual(next);
    const missing = storage().write((uow) => uow.results.replace(PLAN, 'c', { ...next, id: next.id + 1 }));
    await expect(missing).rejects.toThrow();
  });

  it('finalizes the open results of a check and answers those', async () => {
    const a = await insert('c', result('a'));
    await insert('c', result('b', { finalizedAt: T0 + 1 }));
    await insert('d', result('a'));
    const touched = await storage().write((uow) => uow.results.finalizeOfCheck(PLAN, 'c', T0 + 5));
    expect(touched).toEqual([{ ...a, finalizedAt: T0 + 5 }]);
    expect((await find('c', 'b'))?.finalizedAt).toBe(T0 + 1);
    expect((await find('d', 'a'))?.finalizedAt).toBeUndefined();
    expect(await storage().write((uow) => uow.results.finalizeOfCheck(PLAN, 'c', T0 + 6))).toEqual([]);
  });

  it('finalizes the open results of an owner on all checks and answers those', async () => {
    const onC = await insert('c', result('a'));
    const onD = await insert('d', result('a', { data: { other: 1 } }));
    await insert('d', result('b'));
    const touched = await storage().write((uow) => uow.results.finalizeOfOwner(PLAN, 'tool', 'a', T0 + 5));
    expect(touched).toHaveLength(2);
    expect(touched).toContainEqual({ checkId: 'c', result: { ...onC, finalizedAt: T0 + 5 } });
    expect(touched).toContainEqual({ checkId: 'd', result: { ...onD, finalizedAt: T0 + 5 } });
    expect((await find('d', 'b'))?.finalizedAt).toBeUndefined();
    expect(await storage().write((uow) => uow.results.finalizeOfOwner('none', 'tool', 'b', T0))).toEqual([]);
  });

  it('knows whether a result that counts has a failure: a superseded one does not', async () => {
    const hasFailure = (id: string) => storage().write((uow) => uow.results.hasFailure(PLAN, id));
    expect(await hasFailure('c')).toBe(false);
    await insert('c', result('a', { failure: { ...failure, message: '' } }));
    await insert('c', result('b'));
    expect(await hasFailure('c')).toBe(true);
    expect(await hasFailure('d')).toBe(false);
    expect(await storage().write((uow) => uow.results.checkIdsOf(PLAN, 'tool', 'a'))).toEqual(['c']);
    await storage().write((uow) => uow.results.supersede(PLAN, 'c', 'tool', 'a'));
    expect(await hasFailure('c')).toBe(false);
    expect(await find('c', 'a')).toBeDefined();
    await insert('c', result('later', { failure }));
    expect(await hasFailure('c')).toBe(true);
  });
}
