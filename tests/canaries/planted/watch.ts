import type { Canary } from '../canary.ts';

const SUBSCRIPTION = 'src/service/watch/subscription.ts';
const WATCH = 'tests/service/watch.test.ts';
const E2E_WATCH = 'tests/e2e/semantics/watch.test.ts';
const JOINS = { file: WATCH, test: 'joins at any moment' };

/** Every event once, in order; no memory for those who do not read. */
export const watch: readonly Canary[] = [
  {
    name: 'gap-at-the-seam',
    promise: 'P9',
    bug: 'a watcher that is behind the live buffer goes on with what the buffer has',
    plants: [
      {
        file: 'src/service/watch/plan-feeds.ts',
        text: 'if (oldest === undefined || comesAfter(oldest, cursor)) return undefined;',
        by: 'if (oldest === undefined) return undefined;',
      },
    ],
    caughtBy: [
      { file: WATCH, test: 'is not cut while it catches up' },
      { file: E2E_WATCH, test: 'for every watcher under concurrent writers' },
      { file: 'tests/watch/resume.test.ts' },
    ],
  },
  {
    name: 'revision-twice',
    promise: 'P9',
    bug: 'a watcher that resumes is sent the revision again that it saw last',
    plants: [
      {
        file: 'src/service/watch/watches.ts',
        text: 'const cursor = { revision, seq: Number.MAX_SAFE_INTEGER };',
        by: 'const cursor = { revision, seq: 0 };',
      },
    ],
    caughtBy: [JOINS],
  },
  {
    name: 'watcher-sleeps-on',
    promise: 'P9',
    bug: 'a commit does not wake a watcher that waits for one',
    plants: [
      {
        file: SUBSCRIPTION,
        text: 'this.#wake();\n    // While it catches up',
        by: 'if (this.#isBusy) this.#wake();\n    // While it catches up',
      },
    ],
    caughtBy: [{ file: E2E_WATCH, test: 'live: with the first event' }],
  },
  {
    name: 'seam-wakes-nobody',
    promise: 'P9',
    bug: 'a commit between the look at storage and the wait for it is slept through',
    plants: [
      {
        file: SUBSCRIPTION,
        text: 'if (events.length > 0) return events;',
        by: 'if (events.length > 0) return events;\n      this.#isSignalled = false;',
      },
    ],
    caughtBy: [{ file: 'tests/canaries/survivors.test.ts', test: 'a commit between the look at storage' }],
  },
  {
    name: 'catching-up-is-live',
    promise: 'P9',
    bug: 'a watcher that reads what is old is cut for being slow',
    isReal: true,
    plants: [
      {
        file: SUBSCRIPTION,
        text: 'this.#isLive = cursor.revision >= version;',
        by: 'this.#isLive = version >= 0;',
      },
      {
        file: SUBSCRIPTION,
        text: 'this.#isLive = recent !== undefined || this.#reachesHead(events.at(-1));',
        by: 'void this.#reachesHead;',
      },
    ],
    caughtBy: [{ file: WATCH, test: 'is not cut while it catches up' }],
  },
  {
    name: 'slow-watcher-stays',
    promise: 'P9',
    bug: 'a watcher that takes nothing is never cut',
    plants: [
      {
        file: SUBSCRIPTION,
        text: 'if (this.#waiting > this.#init.backlog && this.#stopStallTimer === undefined) this.#suspect(this.#taken);',
        by: '',
      },
    ],
    caughtBy: [{ file: WATCH, test: 'that takes nothing for a second' }],
  },
];
