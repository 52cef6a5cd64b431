import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { CheckState } from '../../gen/turboci/v1/common_pb.js';
import { QueryNodesRequestSchema, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { pathOf, TestClient, turboci } from '../support/client.ts';
import { frame } from '../support/http2-peer.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { RawPeer } from './raw-peer.ts';
import type { Attack } from './siege.ts';

const { queryNodes, createWorkPlan } = TurboCIOrchestrator.method;

const STREAMS = 5;
const BYTE_EVERY_MS = 100;
const PREPARED_WITHIN_MS = 20_000;

/** Calls that begin and do not end: half of them send nothing after their headers, half a byte now and then. */
export function slowSenders(peers: number): Attack {
  return async (port) => {
    const sessions = await Promise.all(Array.from({ length: peers }, () => openSession(port)));
    const streams = sessions.flatMap((session) => Array.from({ length: STREAMS }, () => call(session, createWorkPlan)));
    const ends = streams.map((stream) => statusOf(stream));
    const dripping = streams.filter((_, at) => at % 2 === 0);
    for (const stream of dripping) stream.write(Buffer.of(0, 0, 1, 0, 0));
    const drip = setInterval(() => {
      for (const stream of dripping) if (!stream.destroyed) stream.write(Buffer.of(0));
    }, BYTE_EVERY_MS);
    const codes = await within('slow calls to be ended', Promise.all(ends), 20_000).finally(() => clearInterval(drip));
    for (const session of sessions) session.destroy();
    const ended = codes.filter((code) => code === '4').length;
    if (ended < streams.length) throw new Error(`${streams.length - ended} slow calls did not reach their deadline`);
    return `${ended} calls on ${peers} connections ended with DEADLINE_EXCEEDED`;
  };
}

export type UnreadAnswers = {
  readonly calls: number;
  readonly nodes: number;
  readonly nodeBytes: number;
  /** What the server lets unread answers hold. */
  readonly limitBytes: number;
};

/** Large queries whose answers nobody reads: the window is shut from the beginning. */
export function unreadAnswers({ calls, nodes, nodeBytes, limitBytes }: UnreadAnswers): Attack {
  return async (port) => {
    const workPlanId = await largePlan(port, nodes, nodeBytes);
    const request = frame(
      Buffer.from(toBinary(QueryNodesRequestSchema, create(QueryNodesRequestSchema, { workPlanId }))),
    );
    const session = await openSession(port, { initialWindowSize: 0 });
    const streams = Array.from({ length: calls }, () => call(session, queryNodes));
    for (const stream of streams) stream.end(request);
    const mostKept = Math.floor(limitBytes / (nodes * nodeBytes));
    const cut = () => streams.filter(({ rstCode }) => rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM).length;
    // Some have waited for their turn until their time was up: they are told, which takes no room.
    const over = () => streams.filter(({ closed }) => closed).length;
    await waitFor('unread answers to be dropped', () => over() >= calls - mostKept, 20_000);
    await waitFor('the first answers to be dropped', () => cut() > 0);
    const result = `${cut()} of ${calls} answers of ${nodes * nodeBytes} bytes and more dropped, ${over() - cut()} refused`;
    session.destroy();
    return result;
  };
}

async function largePlan(port: number, nodes: number, nodeBytes: number): Promise<string> {
  const client = new TestClient(`127.0.0.1:${port}`);
  const api = turboci(client);
  // A deadline of its own: those of the attack are set for calls that get nowhere.
  const init = { deadline: new Date(Date.now() + PREPARED_WITHIN_MS) };
  const { workPlan } = await api.createWorkPlan({}, init);
  const workPlanId = workPlan?.id ?? '';
  const checks = Array.from({ length: nodes }, (_, at) => ({
    id: `c${at}`,
    state: CheckState.PLANNING,
    options: { text: 'x'.repeat(nodeBytes) },
  }));
  await api.writeNodes({ workPlanId, checks }, init);
  client.close();
  return workPlanId;
}

/** As many connections as there may be files, up to this number. */
export function affordable(connections: number): number {
  const limit = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
  const count = Math.min(connections, limit - 200);
  if (count < connections) console.log(`${count} instead of ${connections} connections: no more files may be open`);
  return count;
}

/** Connections on which nothing is said, or only hello, until the server hangs up. */
export function idleConnections(count: number): Attack {
  return async (port) => {
    const peers: RawPeer[] = [];
    while (peers.length < count) {
      const some = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? RawPeer.connect(port) : RawPeer.greet(port)));
      peers.push(...(await Promise.all(some)));
    }
    await waitFor('idle connections to be closed', () => peers.every((peer) => peer.isClosed), 20_000);
    return `${peers.length} connections hung up`;
  };
}

async function openSession(port: number, settings: { initialWindowSize?: number } = {}): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, { settings });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

function call(session: ClientHttp2Session, method: Parameters<typeof pathOf>[0]): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': pathOf(method),
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  return stream;
}

/** The status of a call that is answered without a message; empty if it is not answered. */
function statusOf(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    stream.once('response', (headers) => resolve(String(headers['grpc-status'])));
    stream.once('close', () => resolve(''));
  });
}
