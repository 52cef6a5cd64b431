import { afterEach, beforeEach, describe } from 'vitest';
import type { Storage } from '../../src/storage/storage.ts';
import { attemptCases } from './attempt-cases.ts';
import { checkCases } from './check-cases.ts';
import { dependencyCases } from './dependency-cases.ts';
import { heldCases } from './held-cases.ts';
import { historyCases } from './history-cases.ts';
import { nodeReaderCases } from './node-reader-cases.ts';
import { queueCases } from './queue-cases.ts';
import { readCases } from './read-cases.ts';
import { resultCases } from './result-cases.ts';
import { runnerCases } from './runner-cases.ts';
import { stageCases } from './stage-cases.ts';
import type { OpenStorage, Subject } from './subject.ts';
import { timerCases } from './timer-cases.ts';
import { unitCases } from './unit-cases.ts';
import { workPlanCases } from './work-plan-cases.ts';

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
    describe('held attempts', () => heldCases(subject));
    describe('timers', () => timerCases(subject));
    describe('runners', () => runnerCases(subject));
    describe('dependencies', () => dependencyCases(subject));
    describe('events and requests', () => historyCases(subject));
    describe('node reader', () => nodeReaderCases(subject));
  });
}
