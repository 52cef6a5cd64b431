import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createLogStore } from './log-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'logs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const idsThatLookAlike = [
  ['a', 'A', 'a/', '/a', 'a:', 'ä', 'a\u0308', ' a', 'a '],
  ['.', '..', '...', '../..', '..\\..', './', '-', '--', '_', '~', '', '/'],
  ['x/../../y', 'x/y', 'x_y', 'x y', '_x_y', 'con', 'nul.log', 'a.log', '1.log'],
  ['é'.repeat(128), 'a'.repeat(256), `${'a'.repeat(255)}b`, 'a'.repeat(100), 'a'.repeat(101), '😀'.repeat(64)],
].flat();

describe('paths', () => {
  const logs = createLogStore(folder, 1000);

  test('plain ids stay readable', () => {
    const path = logs.pathOf({ planId: '0190-ab', stageId: 'unit_tests.fast', attemptIdx: 2 });
    expect(path).toBe(join(folder, '0190-ab', 'unit_tests.fast', '2.log'));
  });

  test('any id is a file name of its own, inside the folder, on file systems that ignore case, too', () => {
    const seen = new Set<string>();
    for (const planId of idsThatLookAlike) {
      for (const stageId of idsThatLookAlike) {
        const path = relative(folder, logs.pathOf({ planId, stageId, attemptIdx: 1 }));
        const parts = path.split(sep);
        expect(parts).toHaveLength(3);
        for (const part of parts) {
          expect(part).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._~-]*$/u);
          expect(part.length).toBeLessThanOrEqual(128);
        }
        seen.add(path.toLowerCase());
      }
    }
    expect(seen.size).toBe(idsThatLookAlike.length ** 2);
  });

  test('a hashed name cannot be had by choosing an id', () => {
    const hashed = relative(folder, logs.pathOf({ planId: 'a/b', stageId: 's', attemptIdx: 1 })).split(sep)[0] ?? '';
    const chosen = relative(folder, logs.pathOf({ planId: hashed, stageId: 's', attemptIdx: 1 })).split(sep)[0];
    expect(chosen).not.toBe(hashed);
  });
});

describe('logs', () => {
  test('are written in order and for their owner only', async () => {
    const logs = createLogStore(join(folder, 'deep', 'er'), 1000);
    const log = await logs.open({ planId: 'p/1', stageId: '..', attemptIdx: 1 });
    await log.write(Buffer.from('one\n'));
    await log.write(Buffer.from('two'));
    await log.close();
    expect(log.fault).toBeUndefined();
    expect(log.path).toBe(logs.pathOf({ planId: 'p/1', stageId: '..', attemptIdx: 1 }));
    expect(readFileSync(log.path, 'utf8')).toBe('one\ntwo');
    expect(statSync(log.path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'deep')).mode & 0o777).toBe(0o700);
  });

  test.each([999, 1000, 1001, 5000])('of %d bytes with a cap of 1000 have at most 1000', async (length) => {
    const logs = createLogStore(folder, 1000);
    const log = await logs.open({ planId: 'cap', stageId: 's', attemptIdx: length });
    for (let rest = length; rest > 0; rest -= 250) await log.write(Buffer.alloc(Math.min(rest, 250), 'x'));
    await log.write(Buffer.alloc(0));
    await log.close();
    const text = readFileSync(log.path, 'utf8');
    expect(text.length).toBeLessThanOrEqual(1000);
    expect(text).toMatch(/^x{900,}\n\[turboci: cut here, a log has at most 1000 bytes\]\n$/u);
  });

  test('are whole below the cap', async () => {
    const log = await createLogStore(folder, 1000).open({ planId: 'cap', stageId: 's', attemptIdx: 1 });
    await log.write(Buffer.alloc(900, 'x'));
    await log.close();
    expect(readFileSync(log.path, 'utf8')).toBe('x'.repeat(900));
  });

  test('tell a fault instead of failing their writer', async () => {
    const log = await createLogStore(folder, 1000).open({ planId: 'fault', stageId: 's', attemptIdx: 1 });
    await log.close();
    await log.write(Buffer.from('too late'));
    expect(log.fault).toMatch(/closed/u);
  });

  test('that cannot be made reject', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const opened = createLogStore(file, 1000).open({ planId: 'p', stageId: 's', attemptIdx: 1 });
    await expect(opened).rejects.toThrow('ENOTDIR');
  });

  test('a folder that cannot be made is said at once, even where Node itself would try for ever', async () => {
    const logs = createLogStore('/proc/nope', 1000);
    await expect(logs.prepare()).rejects.toThrow('ENOENT');
    await expect(logs.open({ planId: 'p', stageId: 's', attemptIdx: 1 })).rejects.toThrow('ENOENT');
  });

  test('attempts that begin at the same time share the folders', async () => {
    const logs = createLogStore(join(folder, 'shared', 'deep'), 1000);
    const keys = Array.from({ length: 20 }, (_, at) => ({ planId: 'p', stageId: `s${at % 3}`, attemptIdx: at }));
    const opened = await Promise.all(keys.map((key) => logs.open(key)));
    for (const log of opened) {
      await log.close();
      expect(statSync(log.path).isFile()).toBe(true);
    }
  });

  test('go with their plan, and only they', async () => {
    const logs = createLogStore(folder, 1000);
    const key = { stageId: 'a/b', attemptIdx: 1 };
    const [gone, kept] = [await logs.open({ ...key, planId: 'gone' }), await logs.open({ ...key, planId: 'gone/..' })];
    await gone.close();
    await kept.close();
    await logs.removePlan('gone');
    await logs.removePlan('gone');
    await logs.removePlan('never/was');
    expect(statSync(gone.path, { throwIfNoEntry: false })).toBeUndefined();
    expect(statSync(kept.path).isFile()).toBe(true);
  });
});
