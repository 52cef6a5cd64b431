import { once } from 'node:events';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { NodeView } from '../../gen/turboci/v1/common_pb.js';
import { QueryNodesRequestSchema, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { pathOf } from '../support/client.ts';
import { frame, Http2Peer } from '../support/http2-peer.ts';
import { findViolations } from '../support/invariants.ts';
import { RpcError, refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { commandPid, EXECUTES, isRunning, writeCommand } from './commands.ts';
import { watchHealth } from './health.ts';
import { databasePath, serve } from './serve.ts';
import { createPlan } from './stages.ts';

const DRAIN_MS = 10_000;
/** Far below the drain timeout, far above what a process needs to end. */
const AT_ONCE_MS = 4000;

describe('the order to stop', () => {
  test('SIGTERM: health says NOT_SERVING, watches end, the running call is answered, the exit status is 0', async () => {
    const path = await databasePath();
    const { server, address, api } = await serve(path);
    const workPlanId = await createPlan(api);
    const health = watchHealth(address);
    expect((await health.next()).value).toBe('SERVING');
    const watch = api.watchWorkPlan({ workPlanId });
    await watch.opened;
    const checks = Array.from({ length: 5000 }, (_, at) => ({ id: `check-${at}` }));
    const running = api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
    // Answered after the call before it on the same connection has arrived.
    await api.getWorkPlan({ id: workPlanId });

    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect((await within('health to change', health.next())).value).toBe('NOT_SERVING');
    expect((await refusal(watch.rest())).code).toBe('UNAVAILABLE');
    expect((await running).checks).toHaveLength(checks.length);
    expect(await server.exit).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - askedAt).toBeLessThan(DRAIN_MS);
    expect(findViolations(path)).toEqual([]);
  });

  test('SIGTERM under load: what was acknowledged is there, what was refused is UNAVAILABLE', async () => {
    const path = await databasePath();
    const { server, api } = await serve(path);
    const workPlanId = await createPlan(api);
    const acknowledged: string[] = [];
    const writer = async (name: string): Promise<unknown> => {
      for (let count = 0; ; count++) {
        const id = `${name}-${count}`;
        try {
          await api.writeNodes({ workPlanId, checks: [{ id }, { id: `${id}-twin` }] });
        } catch (error) {
          return error;
        }
        acknowledged.push(id, `${id}-twin`);
        if (acknowledged.length === 400) server.kill('SIGTERM');
      }
    };
    const ends = await Promise.all(['a', 'b', 'c', 'd'].map(writer));
    expect(ends.map((error) => (error instanceof RpcError ? error.code : error))).toEqual(Array(4).fill('UNAVAILABLE'));
    expect((await server.exit).code).toBe(0);

    const again = await serve(path);
    const { checks } = await again.api.queryNodes({ workPlanId });
    const stored = new Set(checks.map(({ id }) => id));
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    expect(findViolations(path)).toEqual([]);
  });

  test('a second signal ends it at once, and the command that it would have waited for ends too', async () => {
    const folder = await scratchFolder();
    const { server, api } = await serve(join(folder, 'turboci.db'), EXECUTES);
    const workPlanId = await createPlan(api);
    const pidFile = join(folder, 'pid');
    await writeCommand(api, workPlanId, 'stubborn', `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 1; done`);
    const pid = await commandPid(pidFile);

    server.kill('SIGTERM');
    await waitFor('the drain', () => server.log.some((line) => line.includes('draining')));
    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect((await within('the end', server.exit)).code).toBe(1);
    expect(performance.now() - askedAt).toBeLessThan(AT_ONCE_MS);
    await waitFor('the command to end', () => !isRunning(pid));
  });
});

describe('an end that something holds up', () => {
  test('a command that ignores SIGTERM: it is killed, the exit status is 0', async () => {
    const folder = await scratchFolder();
    const { server, api } = await serve(join(folder, 'turboci.db'), EXECUTES);
    const workPlanId = await createPlan(api);
    const pidFile = join(folder, 'pid');
    await writeCommand(api, workPlanId, 'stubborn', `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 1; done`);
    const pid = await commandPid(pidFile);
    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect(await server.exit).toMatchObject({ code: 0 });
    expect(performance.now() - askedAt).toBeLessThan(DRAIN_MS);
    expect(isRunning(pid)).toBe(false);
  });

  test('a client that takes no answers and one that never sends its request, beside such a command: the same', async () => {
    const folder = await scratchFolder();
    const { server, address, api } = await serve(join(folder, 'turboci.db'), EXECUTES);
    const workPlanId = await createPlan(api);
    const pidFile = join(folder, 'pid');
    await writeCommand(api, workPlanId, 'stubborn', `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 1; done`);
    const checks = Array.from({ length: 20 }, (_, at) => ({ id: `c${at}`, options: { text: 'x'.repeat(100_000) } }));
    await api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
    const peer = await Http2Peer.connect(Number(address.split(':')[1]));
    const query = create(QueryNodesRequestSchema, { workPlanId, includeChecks: true, view: NodeView.FULL });
    const unread = peer.open(pathOf(TurboCIOrchestrator.method.queryNodes));
    unread.end(frame(Buffer.from(toBinary(QueryNodesRequestSchema, query))));
    await within('the answer to begin', once(unread, 'response'));
    peer.open(pathOf(TurboCIOrchestrator.method.createWorkPlan));
    await within('a sign that the server has the call', new Promise((resolve) => peer.session.ping(resolve)));
    const pid = await commandPid(pidFile);
    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect(await server.exit).toMatchObject({ code: 0 });
    expect(performance.now() - askedAt).toBeLessThan(DRAIN_MS);
    expect(isRunning(pid)).toBe(false);
  });

  test('a command that has longer than the drain: it is cut with the server, the exit status is 0', async () => {
    const folder = await scratchFolder();
    const { server, api } = await serve(join(folder, 'turboci.db'), { ...EXECUTES, DRAIN_TIMEOUT: '100ms' });
    const workPlanId = await createPlan(api);
    const pidFile = join(folder, 'pid');
    await writeCommand(api, workPlanId, 'stubborn', `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 1; done`);
    const pid = await commandPid(pidFile);
    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect(await server.exit).toMatchObject({ code: 0 });
    expect(performance.now() - askedAt).toBeLessThan(AT_ONCE_MS);
    await waitFor('the command to end', () => !isRunning(pid));
  });

  test('a call that waits for a long stage: it is told UNAVAILABLE, the exit status is 0', async () => {
    const folder = await scratchFolder();
    const path = join(folder, 'turboci.db');
    const { server, api } = await serve(path, EXECUTES);
    const workPlanId = await createPlan(api);
    const pidFile = join(folder, 'pid');
    await writeCommand(api, workPlanId, 'long', `echo $$ > ${pidFile}; exec sleep 600`);
    await commandPid(pidFile);
    const waiting = refusal(api.runStage({ workPlanId, stageId: 'long', wait: true }));
    // Answered after the call before it on the same connection has arrived.
    await api.getWorkPlan({ id: workPlanId });
    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect((await waiting).code).toBe('UNAVAILABLE');
    expect(await server.exit).toMatchObject({ code: 0 });
    expect(performance.now() - askedAt).toBeLessThan(DRAIN_MS);
    expect(findViolations(path)).toEqual([]);
  });
});
