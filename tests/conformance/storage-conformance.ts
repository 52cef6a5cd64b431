import { afterEach, beforeEach, describe } from 'vitest';
import type { Storage } from '../../src/storage/storage.ts';
import { attemptCases } from './attempt-cases.ts';
import { checkCases } from './check-cases.ts';
import { dependencyCases } from './dependency-cases.ts';
import { historyCases } from './history-cases.ts';
import { nodeReaderCases } from './node-reader-cases.ts';
import { queueCases } from './queue-cases.ts';
import { readCases } from './read-cases.ts';
import { resultCases } from './result-cases.ts';
import { stageCases } from './stage-cases.ts';
import { unitCases } from './unit-cases.ts';
import { workPlanCases } from './work-plan-cases.ts';

export type OpenOptions = {
  /** Units of work that may wait for the writer. */
  readonly writeQueue: number;
  /** Is told what went wrong in an effect after a commit. */
  readonly onEffectError: (error: unknown) => void;
};

/** Opens an empty storage; the suite closes it. */
export type OpenStorage = (options: OpenOptions) => Promise<Storage>;

/** What a group of cases works on: a fresh storage for each test. */
export type Subject = {
  readonly storage: () => Storage;
  readonly effectErrors: () => readonly unknown[];
  /** Units that may wait for the writer of this storage. */
  readonly writeQueue: number;
};

const WRITE_QUEUE = 1000;

/** The promises of the storage interfaces, as tests: any implementation passes all of them. */
export function storageConformance(name: string, open: OpenStorage): void {
  describe(`storage conformance: ${name}`, () => {
    let storage: Storage | undefined;
    let effectErrors: unknown[] = [];
    const subject: Subject = {
      storage: () => {
        if (storage === undefined) throw new Error('no storage is open');
        return storage;
      },
      effectErrors: () => effectErrors,
      writeQueue: WRITE_QUEUE,
    };
    beforeEach(async () => {
      effectErrors = [];
      storage = await open({ writeQueue: WRITE_QUEUE, onEffectError: (error) => effectErrors.push(error) });
    });
    afterEach(async () => {
      await storage?.close();
      storage = undefined;
    });

    describe('units of work', () => unitCases(subject));
    describe('reads', () => readCases(subject));
    describe('work plans', () => workPlanCases(subject));
    describe('checks', () => checkCases(subject));
    describe('results', () => resultCases(subject));
    describe('stages', () => stageCases(subject));
    describe('attempts', () => attemptCases(subject));
    describe('queues of attempts', () => queueCases(subject));
    describe('dependencies', () => dependencyCases(subject));
    describe('events and requests', () => historyCases(subject));
    describe('node reader', () => nodeReaderCases(subject));
  });
}
