import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { BenchClient, encode, pathOf } from '../bench-client.ts';
import { type LoadResult, load } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;
const ECHO = '/bench.Echo/Echo';

/** The calls of a row, the same bytes for the server and for what it is held against. */
type Work = {
  readonly name: string;
  readonly path: string;
  readonly inFlight: number;
  request(client: BenchClient, repetition: number): Promise<(index: number) => Buffer>;
};

const creating: Work = {
  name: 'CreateWorkPlan, 64 in flight',
  path: pathOf(createWorkPlan),
  inFlight: 64,
  async request() {
    return (index) => encode(createWorkPlan, { metadata: { commit: `${index}`.padStart(40, '0'), branch: 'main' } });
  },
};

const writing: Work = {
  name: 'small WriteNodes (1 check + 1 stage), 32 in flight',
  path: pathOf(writeNodes),
  inFlight: 32,
  async request(client) {
    const { workPlan } = await client.call(createWorkPlan, {});
    const workPlanId = workPlan?.id ?? '';
    return (index) =>
      encode(writeNodes, { workPlanId, checks: [{ id: `check-${index}` }], stages: [{ id: `stage-${index}` }] });
  },
};

export async function creatingPlans(scale: Scale): Promise<readonly Row[]> {
  const { own, echo } = await measure(creating, scale);
  return [
    ...throughputRows(creating.name, own, { rate: 8000, p99: 25 }),
    row('  bare grpc-js echo, same bytes', 'calls/s', sampleOf(echo.map(({ rate }) => rate))),
    row('  share of the echo', '×', sampleOf(own.map(({ rate }, at) => rate / (echo[at]?.rate ?? 1))), {
      atLeast: 0.55,
    }),
  ];
}

export async function smallWrites(scale: Scale): Promise<readonly Row[]> {
  const { own, echo } = await measure(writing, scale);
  return [
    ...throughputRows(writing.name, own, { rate: 4000, p99: 30 }),
    row('  bare grpc-js echo, same bytes', 'calls/s', sampleOf(echo.map(({ rate }) => rate))),
    row('  share of the echo', '×', sampleOf(own.map(({ rate }, at) => rate / (echo[at]?.rate ?? 1)))),
  ];
}

function throughputRows(
  name: string,
  results: readonly LoadResult[],
  bound: { readonly rate: number; readonly p99: number },
): readonly Row[] {
  return [
    row(name, 'calls/s', sampleOf(results.map(({ rate }) => rate)), { atLeast: bound.rate }),
    row('  median of the calls', 'ms', sampleOf(results.map(({ p50 }) => p50))),
    row('  99 of 100 calls within', 'ms', sampleOf(results.map(({ p99 }) => p99)), { atMost: bound.p99 }),
  ];
}

/** Server and echo by turns, so that what else the machine does meets both. */
async function measure(work: Work, { repetitions, calls }: Scale) {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const warm = await work.request(client, 0);
  const response = await client.raw(work.path, warm(0));
  const echoServer = await ServingProcess.echo(ECHO, response.length);
  const echoClient = new BenchClient(echoServer.address);
  const own: LoadResult[] = [];
  const echo: LoadResult[] = [];
  // Round 0 warms both up: a server is measured as it is after its first seconds.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const request = await work.request(client, repetition);
    const ownResult = await load(work.inFlight, calls, (index) => client.raw(work.path, request(index)));
    const echoResult = await load(work.inFlight, calls, (index) => echoClient.raw(ECHO, request(index)));
    if (repetition === 0) continue;
    own.push(ownResult);
    echo.push(echoResult);
  }
  client.close();
  echoClient.close();
  await Promise.all([server.stop(), echoServer.stop()]);
  return { own, echo };
}
