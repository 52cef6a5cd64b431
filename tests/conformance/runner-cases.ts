import { expect, it } from 'vitest';
import { executionModes } from '../../src/domain/stage.ts';
import { runner, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function runnerCases({ storage }: Subject): void {
  const put = (...registrations: readonly ReturnType<typeof runner>[]) =>
    storage().write(async (uow) => {
      for (const one of registrations) await uow.runners.put(one);
    });
  const list = () => storage().read((snapshot) => snapshot.runners.list());
  const find = (runnerId: string, runnerType = 'docker') =>
    storage().write((uow) => uow.runners.find(runnerId, runnerType));

  it('gives a registration back as it was put', async () => {
    const full = runner('r1', {
      runnerType: 'vm',
      address: '',
      modes: executionModes,
      maxConcurrent: 7,
      ttlMs: 1000,
      metadata: { zone: 'a', 'ü "\\': '' },
      registeredAt: T0 + 1,
      renewedAt: T0 + 2,
      expiresAt: T0 + 3,
    });
    const async = runner('r2', { modes: ['ASYNC'] });
    await put(full, async);
    expect(await find('r1', 'vm')).toEqual(full);
    expect(await find('r2')).toEqual(async);
    expect([await find('r1'), await find('none')]).toEqual([undefined, undefined]);
  });

  it('lists all registrations by runner type and runner id', async () => {
    expect(await list()).toEqual([]);
    const registrations = [
      runner('r1', { runnerType: 'a' }),
      runner('r2', { runnerType: 'a', expiresAt: 0 }),
      runner('r1', { runnerType: 'b', registrationId: 'of b' }),
    ];
    await put(...registrations.toReversed());
    expect(await list()).toEqual(registrations);
  });

  it('puts a registration in place of an older one of the same runner and type', async () => {
    const other = runner('r', { runnerType: 'vm', registrationId: 'other' });
    await put(runner('r', { registrationId: 'old', metadata: { a: 'b' } }), other);
    const next = runner('r', {
      registrationId: 'new',
      address: '127.0.0.1:1',
      modes: ['ASYNC'],
      maxConcurrent: 3,
      ttlMs: 5,
      metadata: { c: 'd' },
      registeredAt: T0 + 1,
      renewedAt: T0 + 2,
      expiresAt: T0 + 6,
    });
    await put(next);
    expect(await list()).toEqual([next, other]);
    expect(await storage().write((uow) => uow.runners.remove('old'))).toBe(false);
    expect(await find('r')).toEqual(next);
  });

  it('removes a registration, once', async () => {
    await put(runner('r1'), runner('r2'));
    const remove = () => storage().write((uow) => uow.runners.remove(runner('r1').registrationId));
    expect(await remove()).toBe(true);
    expect(await remove()).toBe(false);
    expect(await list()).toEqual([runner('r2')]);
  });
}
