import { expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import { within } from '../support/wait-for.ts';
import { check, PLAN, plan, seed, updatePlan } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function unitCases({ storage, effectErrors, writeQueue }: Subject): void {
  const exists = (id: string) => storage().read(async (snapshot) => (await snapshot.workPlans.get(id)) !== undefined);
  const insert = (id: string) => storage().write((uow) => uow.workPlans.insert(plan({ id })));

  it('answers what the unit returned, and its writes are there', async () => {
    const answer = await storage().write(async (uow) => {
      await uow.workPlans.insert(plan());
      return 'stored';
    });
    expect(answer).toBe('stored');
    expect(await exists(PLAN)).toBe(true);
  });

  it('lets a unit see its own writes and those of the units before it', async () => {
    const first = storage().write(async (uow) => {
      await uow.workPlans.insert(plan());
      return uow.workPlans.get(PLAN);
    });
    const second = storage().write((uow) => uow.workPlans.get(PLAN));
    expect(await first).toEqual(plan());
    expect(await second).toEqual(plan());
  });

  it('runs concurrent units one after another, in the order in which they were handed in', async () => {
    const trace: string[] = [];
    const unit = (name: string) =>
      storage().write(async (uow) => {
        trace.push(`${name} begins`);
        await uow.workPlans.get(PLAN);
        await uow.workPlans.get(PLAN);
        trace.push(`${name} ends`);
      });
    await Promise.all([unit('a'), unit('b'), unit('c')]);
    expect(trace).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it.each(['first', 'second', 'third'])(
    'rolls back the %s of three units alone and gives its error unchanged',
    async (bad) => {
      const boom = new Error('boom');
      const results = await Promise.allSettled(
        ['first', 'second', 'third'].map((id) =>
          storage().write(async (uow) => {
            await uow.workPlans.insert(plan({ id }));
            if (id === bad) throw boom;
            return id;
          }),
        ),
      );
      for (const [index, id] of ['first', 'second', 'third'].entries()) {
        expect(results[index]).toEqual(
          id === bad ? { status: 'rejected', reason: boom } : { status: 'fulfilled', value: id },
        );
        expect(await exists(id)).toBe(id !== bad);
      }
    },
  );

  it('gives a unit that throws before it awaits its error, and works on', async () => {
    const failing = storage().write(() => {
      throw new AppError('VERSION_MISMATCH', 'stale');
    });
    await expect(failing).rejects.toMatchObject({ reason: 'VERSION_MISMATCH' });
    await insert('later');
    expect(await exists('later')).toBe(true);
  });

  it('undoes everything of a failed unit, of every repository', async () => {
    await seed(storage(), { checks: [check('c', { kind: 'kept' })] });
    const unit = storage().write(async (uow) => {
      await uow.checks.update(check('c', { kind: 'lost' }));
      await uow.checks.insert(check('d'), { a: 1 });
      await updatePlan(uow, plan({ version: 9 }));
      throw new Error('undo');
    });
    await expect(unit).rejects.toThrow('undo');
    await storage().read(async (snapshot) => {
      expect((await snapshot.checks.get(PLAN, 'c'))?.kind).toBe('kept');
      expect(await snapshot.checks.get(PLAN, 'd')).toBeUndefined();
      expect((await snapshot.workPlans.get(PLAN))?.version).toBe(1);
    });
  });

  it('runs effects after the commit, in the order of the units, before any caller is answered', async () => {
    const trace: string[] = [];
    const unit = (name: string, fail = false) =>
      storage()
        .write(async (uow) => {
          uow.afterCommit(() => trace.push(`${name} effect 1`));
          await uow.workPlans.insert(plan({ id: name }));
          uow.afterCommit(() => trace.push(`${name} effect 2`));
          trace.push(`${name} ran`);
          if (fail) throw new Error('no effect');
        })
        .then(
          () => trace.push(`${name} answered`),
          () => trace.push(`${name} refused`),
        );
    await Promise.all([unit('a'), unit('b', true), unit('c')]);
    const of = (word: string) => trace.filter((entry) => entry.includes(word));
    expect(of('effect')).toEqual(['a effect 1', 'a effect 2', 'c effect 1', 'c effect 2']);
    for (const name of ['a', 'c']) {
      expect(trace.indexOf(`${name} effect 1`)).toBeGreaterThan(trace.indexOf(`${name} ran`));
      expect(trace.indexOf(`${name} answered`)).toBeGreaterThan(trace.indexOf(`${name} effect 2`));
    }
    expect(of('refused')).toEqual(['b refused']);
  });

  it('has committed when an effect runs', async () => {
    let read: Promise<boolean> | undefined;
    await storage().write(async (uow) => {
      await uow.workPlans.insert(plan());
      uow.afterCommit(() => {
        read = exists(PLAN);
      });
    });
    expect(await read).toBe(true);
  });

  it('answers all callers and runs all other effects when an effect throws', async () => {
    const ran: string[] = [];
    const unit = (name: string, effect: () => void) =>
      storage().write(async (uow) => {
        uow.afterCommit(effect);
        uow.afterCommit(() => ran.push(name));
        return name;
      });
    const boom = new Error('effect');
    const answers = await Promise.all([
      unit('a', () => {
        throw boom;
      }),
      unit('b', () => undefined),
    ]);
    expect(answers).toEqual(['a', 'b']);
    expect(ran).toEqual(['a', 'b']);
    expect(effectErrors()).toEqual([boom]);
  });

  it('refuses a unit whose caller has gone before its turn, and writes nothing of it', async () => {
    const gone = new AbortController();
    const late = new AbortController();
    const deadline = new AppError('DEADLINE_EXCEEDED', 'too late');
    const first = insert('first');
    const second = storage().write((uow) => uow.workPlans.insert(plan({ id: 'second' })), { signal: gone.signal });
    const third = storage().write((uow) => uow.workPlans.insert(plan({ id: 'third' })), { signal: late.signal });
    gone.abort();
    late.abort(deadline);
    const [, secondEnd, thirdEnd] = await Promise.allSettled([first, second, third]);
    expect(secondEnd).toMatchObject({ status: 'rejected', reason: { name: 'AppError', reason: 'CALLER_GONE' } });
    expect(thirdEnd).toEqual({ status: 'rejected', reason: deadline });
    expect([await exists('first'), await exists('second'), await exists('third')]).toEqual([true, false, false]);
  });

  it('runs a unit whose signal is not aborted, or only later', async () => {
    const controller = new AbortController();
    await storage().write((uow) => uow.workPlans.insert(plan()), { signal: controller.signal });
    controller.abort();
    expect(await exists(PLAN)).toBe(true);
  });

  it('refuses units beyond the queue, keeps those within, and accepts again', async () => {
    const units = Array.from({ length: writeQueue + 1 }, (_, index) => insert(`p${index}`));
    const ends = await Promise.allSettled(units);
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(writeQueue);
    expect(ends.at(-1)).toMatchObject({ status: 'rejected', reason: { reason: 'WRITE_QUEUE_FULL' } });
    await insert('later');
    expect(await exists('later')).toBe(true);
    expect(await exists(`p${writeQueue}`)).toBe(false);
  });

  it('ends accepted units and reads at close, then refuses more; closing again is fine', async () => {
    const units = Array.from({ length: 600 }, (_, index) => insert(`p${index}`));
    const read = exists('p0');
    const closing = storage().close();
    await expect(insert('late')).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    await expect(exists('p0')).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    await Promise.all([...units, read, closing, storage().close()]);
    await expect(insert('late')).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
  });

  it('accepts a unit at whatever moment after an answer', async () => {
    for (let steps = 0; steps < 16; steps++) {
      await insert(`first ${steps}`);
      for (let step = 0; step < steps; step++) await undefined;
      await within('the unit after an answer', insert(`second ${steps}`));
    }
  });

  it('takes the writer through many batches without losing or mixing up an answer', async () => {
    const ids = Array.from({ length: 900 }, (_, index) => `plan-${index}`);
    const answers = await Promise.allSettled(
      ids.map((id, index) =>
        storage().write(async (uow) => {
          await uow.workPlans.insert(plan({ id }));
          if (index % 7 === 3) throw new Error(id);
          return id;
        }),
      ),
    );
    const told = answers.map((end) => (end.status === 'fulfilled' ? end.value : `failed ${String(end.reason)}`));
    expect(told).toEqual(ids.map((id, index) => (index % 7 === 3 ? `failed Error: ${id}` : id)));
    const stored = await storage().read((snapshot) =>
      snapshot.workPlans.list({ states: [], metadata: {} }, undefined, 1000),
    );
    expect(new Set(stored.map(({ id }) => id))).toEqual(new Set(ids.filter((_, index) => index % 7 !== 3)));
  });
}
