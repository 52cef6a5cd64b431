import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { remote, runnerRig } from '../support/runner-rig.ts';
import { anyCall, serviceRig } from '../support/service-rig.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { checkWrite } from '../support/writes.ts';

/** Bugs that no other test noticed when they were planted. */
describe('survivors', () => {
  it('a commit between the look at storage and the wait for it wakes the watcher', async () => {
    let afterRead: (() => Promise<unknown>) | undefined;
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      read: async (work) => {
        const found = await storage.read(work);
        const hook = afterRead;
        afterRead = undefined;
        await hook?.();
        return found;
      },
    });
    const rig = await serviceRig({ wrap });
    const planId = await rig.createPlan();
    const subscription = await rig.service.orchestrator.watchWorkPlan(anyCall, rig.watchRequest(planId));
    afterRead = () => rig.write(planId, { checks: [checkWrite('c')] });
    const { value } = await within('the event', subscription[Symbol.asyncIterator]().next());
    expect(value).toMatchObject({ type: 'EVENT', event: { nodeId: 'c' } });
  });

  it('an order to take an attempt back that comes too late leaves it to whoever has it by then', async () => {
    const cut = new AbortController();
    let isReserving = false;
    let fails = 0;
    // The call is cut when the reservation is durable; twice in a row what it got can not be given back.
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      write: async (work, options) => {
        if (fails > 0) {
          fails -= 1;
          throw new AppError('WRITE_QUEUE_FULL', 'too many writes are waiting');
        }
        const written = await storage.write(work, options);
        if (isReserving) {
          isReserving = false;
          cut.abort(new Error('gone'));
          fails = 2;
        }
        return written;
      },
    });
    const rig = await runnerRig({ wrap });
    // Past the first sweep of old request ids, which writes as well.
    rig.time.advance(60_000);
    await rig.settle();
    for (const runnerId of ['r1', 'r2']) await rig.register(runnerId, { address: '' });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [remote('s')] });
    const request = { runnerId: 'r1', runnerTypes: [], maxExecutions: 1, waitMs: 60_000, heldExecutionIds: [] };
    isReserving = true;
    rig.service.orchestrator.acquireExecutions({ signal: cut.signal }, request).catch(() => {});
    await waitFor('the first try', () => fails === 1);

    // The second try fails as well; then nobody was heard of for 30 s, and the attempt goes back by itself.
    rig.time.advance(30_000);
    await waitFor('the second try', () => fails === 0);
    await rig.settle();
    const [task] = await rig.acquire('r2');
    expect(task).toMatchObject({ stageId: 's' });
    rig.time.advance(1000);
    await rig.settle();
    const { attempts } = await rig.stage(planId, 's');
    expect(attempts).toMatchObject([{ state: 'RUNNING', runnerId: 'r2', executionId: task?.executionId }]);
  });
});
