import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open.ts';
import { storageConformance } from './storage-conformance.ts';
import type { OpenOptions } from './subject.ts';

const folder = mkdtempSync(join(tmpdir(), 'turboci-conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

function open(path: string, { writeQueue, onEffectError }: OpenOptions) {
  return openSqliteStorage({
    path,
    clock: systemClock(),
    log: { ...silentLogger, error: (fields) => onEffectError(fields.err) },
    writeQueue,
    onFatal: (error) => {
      throw error;
    },
  });
}

let files = 0;
storageConformance('SQLite file', (options) => open(join(folder, `${files++}.db`), options));
storageConformance('SQLite :memory:', (options) => open(':memory:', options));
