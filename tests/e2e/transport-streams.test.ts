import { once } from 'node:events';
import { constants } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TurboCIOrchestrator, WatchWorkPlanRequestSchema } from '../../gen/turboci/v1/service_pb.js';
import { AppError } from '../../src/domain/error.ts';
import type { WatchItem, WatchSubscription } from '../../src/service/orchestrator.ts';
import { pathOf, turboci } from '../support/client.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { fakeOrchestrator } from '../support/fake-orchestrator.ts';
import { startGrpc, type TestServer, type TestServerOptions } from '../support/grpc-test-server.ts';
import { closed, frame, Http2Peer } from '../support/http2-peer.ts';
import { refusal } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';

const watchPath = pathOf(TurboCIOrchestrator.method.watchWorkPlan);
const watchRequest = frame(
  Buffer.from(toBinary(WatchWorkPlanRequestSchema, create(WatchWorkPlanRequestSchema, { workPlanId: 'p' }))),
);

function item(revision: number, text = ''): WatchItem {
  return {
    type: 'EVENT',
    planId: 'p',
    event: {
      type: 'CHECK',
      nodeId: `check-${revision}`,
      oldState: undefined,
      newState: 'PLANNED',
      revision,
      seq: 1,
      at: 1_700_000_000_000,
      actor: 'writer',
      reason: '',
      change: { kind: text, outcome: undefined, version: 1, createdAt: 1_700_000_000_000 },
    },
  };
}

/** A source of events that counts how many were asked for. */
class Source {
  taken = 0;
  closed = 0;
  readonly cut = new AbortController();
  readonly #items: (at: number) => WatchItem | Promise<WatchItem> | undefined;

  constructor(items: (at: number) => WatchItem | Promise<WatchItem> | undefined) {
    this.#items = items;
  }

  subscription(signal: AbortSignal): WatchSubscription {
    const source = this;
    return {
      cut: this.cut.signal,
      async *[Symbol.asyncIterator]() {
        try {
          for (;;) {
            const next = source.#items(source.taken);
            if (next === undefined) return;
            source.taken += 1;
            yield await next;
            signal.throwIfAborted();
            source.cut.signal.throwIfAborted();
          }
        } finally {
          source.closed += 1;
        }
      },
    };
  }
}

function serve(source: Source, options: TestServerOptions = {}): Promise<TestServer> {
  return startGrpc(fakeOrchestrator({ watchWorkPlan: async (ctx) => source.subscription(ctx.signal) }), options);
}

/** Waits for `signal`, as a subscription without events does. */
function silence(...signals: readonly AbortSignal[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of signals) signal.addEventListener('abort', () => reject(signal.reason));
  });
}

test('events come in order, then the stream ends with OK', async () => {
  const source = new Source((at) => (at < 10_000 ? item(at + 1) : undefined));
  const server = await serve(source);
  const events = await turboci(server.client()).watchWorkPlan({ workPlanId: 'p' }).rest();
  expect(events.map((event) => Number(event.revision))).toEqual(Array.from({ length: 10_000 }, (_, at) => at + 1));
  expect(events[0]?.event).toMatchObject({
    case: 'checkEvent',
    value: { checkId: 'check-1', oldState: 0, newState: 20 },
  });
  expect(source.closed).toBe(1);
});

test('headers come as soon as the subscription stands, before any event', async () => {
  const server = await startGrpc(
    fakeOrchestrator({
      watchWorkPlan: async (ctx) => ({
        cut: new AbortController().signal,
        [Symbol.asyncIterator]: () => ({ next: () => silence(ctx.signal) }),
      }),
    }),
  );
  const stream = turboci(server.client()).watchWorkPlan({ workPlanId: 'p' });
  const end = refusal(stream.rest());
  await within('the headers', stream.opened);
  stream.cancel();
  expect((await end).code).toBe('CANCELLED');
});

test('a subscription that is refused ends the stream with its error', async () => {
  const server = await startGrpc(
    fakeOrchestrator({
      watchWorkPlan: async () => {
        throw new AppError('WATCHERS_LIMIT', 'too many');
      },
    }),
  );
  const error = await refusal(turboci(server.client()).watchWorkPlan({ workPlanId: 'p' }).rest());
  expect([error.code, error.reason]).toEqual(['RESOURCE_EXHAUSTED', 'WATCHERS_LIMIT']);
});

test('an error in the middle comes after the events before it', async () => {
  const source = new Source((at) =>
    at < 3 ? item(at + 1) : Promise.reject(new AppError('WORK_PLAN_NOT_FOUND', 'gone')),
  );
  const server = await serve(source);
  const revisions: number[] = [];
  const read = async (): Promise<void> => {
    for await (const event of turboci(server.client()).watchWorkPlan({ workPlanId: 'p' })) {
      revisions.push(Number(event.revision));
    }
  };
  const error = await refusal(read());
  expect(revisions).toEqual([1, 2, 3]);
  expect([error.code, error.reason]).toEqual(['NOT_FOUND', 'WORK_PLAN_NOT_FOUND']);
});

test('a fault of the source is INTERNAL, and its text stays inside', async () => {
  const source = new Source(() => Promise.reject(new Error('the secret of the house')));
  const server = await serve(source);
  const error = await refusal(turboci(server.client()).watchWorkPlan({ workPlanId: 'p' }).rest());
  expect([error.code, error.reason]).toEqual(['INTERNAL', 'INTERNAL']);
  expect(error.message).not.toContain('secret');
});

test('a caller that goes away ends the subscription', async () => {
  const source = new Source((at) => item(at + 1));
  const server = await serve(source);
  const client = server.client();
  const stream = turboci(client).watchWorkPlan({ workPlanId: 'p' });
  await within('the headers', stream.opened);
  stream.cancel();
  await refusal(stream.rest());
  await waitFor('the end of the subscription', () => source.closed === 1);
});

test('a cut while nothing is asked for ends the stream', async () => {
  const source = new Source((at) => (at === 0 ? item(1) : silence(source.cut.signal)));
  const server = await serve(source);
  const stream = turboci(server.client()).watchWorkPlan({ workPlanId: 'p' });
  const end = refusal(stream.rest());
  await waitFor('the first event', () => source.taken === 2);
  source.cut.abort(new AppError('WATCHER_TOO_SLOW', 'too slow'));
  const error = await end;
  expect([error.code, error.reason]).toEqual(['RESOURCE_EXHAUSTED', 'WATCHER_TOO_SLOW']);
});

const FULL_WINDOWS = 1024 * 1024;

const PEERS = 40;

test('a peer that does not read holds the source back; cut, it costs nothing more', async () => {
  const text = 'x'.repeat(10_000);
  const source = new Source((at) => item(at + 1, text));
  const server = await serve(source, { grace: { errorMs: 100, answerMs: 100 } });
  const peer = await Http2Peer.connect(server.port);
  const stream = peer.open(watchPath);
  stream.end(watchRequest);
  await once(stream, 'response');
  await standstill([source]);
  // What HTTP/2's windows and Node's own buffers take, and no more.
  expect(source.taken * text.length).toBeLessThan(FULL_WINDOWS);

  source.cut.abort(new AppError('WATCHER_TOO_SLOW', 'too slow'));
  await within('the reset', closed(stream));
  expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  await waitFor('the end of the subscription', () => source.closed === 1);
});

test('a peer that reads again in time gets what was under way, and the status', async () => {
  const text = 'x'.repeat(10_000);
  const source = new Source((at) => item(at + 1, text));
  const server = await serve(source, { grace: { errorMs: 20_000, answerMs: 20_000 } });
  const peer = await Http2Peer.connect(server.port);
  const stream = peer.open(watchPath);
  stream.end(watchRequest);
  await once(stream, 'response');
  const before = await waitFor('a window that is full', () => source.taken > 5 && source.taken);
  source.cut.abort(new AppError('WATCHER_TOO_SLOW', 'too slow'));
  const trailers = once(stream, 'trailers');
  stream.resume();
  const [headers] = await within('the trailers', trailers);
  expect(headers['grpc-status']).toBe('8');
  expect(headers['grpc-status-details-bin']).toBeDefined();
  expect(before).toBeGreaterThan(5);
});

test('peers that do not read hold less than 1 MB each, both ends together, and others lose nothing', async () => {
  const text = 'x'.repeat(1000);
  const sources: Source[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      watchWorkPlan: async (ctx, request) => {
        const source = new Source((at) => (request.workPlanId === 'p' || at < 20_000 ? item(at + 1, text) : undefined));
        sources.push(source);
        return source.subscription(ctx.signal);
      },
    }),
    { grace: { errorMs: 100, answerMs: 100 } },
  );
  const peer = await Http2Peer.connect(server.port);
  const before = heldBytes();
  const streams = Array.from({ length: PEERS }, () => peer.open(watchPath));
  for (const stream of streams) stream.end(watchRequest);
  await within('all subscriptions', Promise.all(streams.map((stream) => once(stream, 'response'))));
  await standstill(sources);
  const held = heldBytes() - before;
  expect(held).toBeLessThan(PEERS * 1024 ** 2);

  const other = turboci(server.client()).watchWorkPlan({ workPlanId: 'other' });
  expect(await within('a reader beside them', other.rest(), 20_000)).toHaveLength(20_000);

  const resets = streams.map(closed);
  for (const source of sources) source.cut.abort(new AppError('WATCHER_TOO_SLOW', 'too slow'));
  await within('all resets', Promise.all(resets));
  console.log(`${PEERS} peers that do not read hold ${(held / 1024 ** 2).toFixed(1)} MB`);
});

/** Waits until the sources have been asked for something, and are not any more. */
async function standstill(sources: readonly Source[]): Promise<void> {
  let last = -1;
  let stillFor = 0;
  await waitFor('sources that stand still', () => {
    const taken = sources.reduce((sum, source) => sum + source.taken, 0);
    stillFor = taken > 0 && taken === last ? stillFor + 1 : 0;
    last = taken;
    return stillFor === 10;
  });
}

function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
