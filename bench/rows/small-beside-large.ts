import { ExecutionMode, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { type BenchClient, encode, pathOf } from '../bench-client.ts';
import { withServer } from '../bench-server.ts';
import { prepareLargeWrite } from '../large-write.ts';
import { bareWriteMs } from '../limits/bare-writes.ts';
import { recordJournal } from '../limits/record-journal.ts';
import { paced, repeated } from '../load.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';
import { quantile } from '../statistics.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;
const { registerStageRunner, acquireStageExecutions, updateStageExecution, completeStageExecution } =
  TurboCIOrchestrator.method;

const SMALL_WRITES_PER_SECOND = 200;

/** Executions that must be heard of this often, and are each half a second: some beats are in time in any case. */
const EXECUTIONS = 20;
const HEARTBEAT_TIMEOUT_S = 1n;
const BEATS_PER_SECOND = 2 * EXECUTIONS;
const PULLED = 'pulled';

/** Small writes at a steady rate, and executions that send heartbeats, while large writes follow one another. */
export async function smallBesideLarge({ repetitions, nodes, largeWrites }: Scale): Promise<readonly Row[]> {
  const journal = await recordJournal(async (client, begin) => {
    const { write } = await prepareLargeWrite(client, nodes);
    begin();
    await client.raw(pathOf(writeNodes), write);
  });
  const rounds = await withServer(({ client }) =>
    repeated(repetitions, async () => ({
      ...(await measure(client, nodes, largeWrites)),
      bareWrite: await bareWriteMs(journal, 1),
    })),
  );
  const work = `${SMALL_WRITES_PER_SECOND} small writes a second while ${nodes.toLocaleString('en')}-node writes run`;
  return [
    costRow({
      work: `${work}, p99`,
      unit: 'ms',
      values: rounds.map(({ p99 }) => p99),
      limits: { 'SQLite, a large write': rounds.map(({ bareWrite }) => bareWrite) },
      target: 600,
    }),
    costRow({ work, part: 'errors', unit: '', values: rounds.map(({ errors }) => errors), target: 0 }),
    costRow({
      work,
      part: 'executions given up for want of a heartbeat',
      unit: '',
      values: rounds.map(({ lost }) => lost),
      target: 0,
    }),
  ];
}

async function measure(client: BenchClient, nodes: number, largeWrites: number) {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  const executionIds = await beginExecutions(client);
  const large: Buffer[] = [];
  while (large.length < largeWrites) large.push((await prepareLargeWrite(client, nodes)).write);

  const running = oneByOne(client, large);
  const writes = paced(1000 / SMALL_WRITES_PER_SECOND, running, (index) =>
    client.raw(pathOf(writeNodes), encode(writeNodes, { workPlanId, checks: [{ id: `check-${index}` }] })),
  );
  const beats = paced(1000 / BEATS_PER_SECOND, running, (index) =>
    client.call(updateStageExecution, { executionId: executionIds[index % EXECUTIONS] ?? '' }),
  );
  const [{ latencies, errors }, { errors: beatErrors }] = await Promise.all([writes, beats]);
  return { p99: quantile(latencies, 0.99), errors: errors + beatErrors, lost: await countLost(client, executionIds) };
}

async function oneByOne(client: BenchClient, writes: readonly Buffer[]): Promise<void> {
  for (const write of writes) await client.raw(pathOf(writeNodes), write);
}

/** Executions of a runner that asks for its work, so that all of their traffic is the client's. */
async function beginExecutions(client: BenchClient): Promise<readonly string[]> {
  const supportedModes = [ExecutionMode.ASYNC];
  await client.call(registerStageRunner, { runnerId: PULLED, runnerType: PULLED, supportedModes });
  const { workPlan } = await client.call(createWorkPlan, {});
  await client.call(writeNodes, {
    workPlanId: workPlan?.id ?? '',
    stages: Array.from({ length: EXECUTIONS }, (_, at) => ({
      id: `stage-${at}`,
      runnerType: PULLED,
      executionMode: ExecutionMode.ASYNC,
      executionPolicy: { heartbeatTimeout: { seconds: HEARTBEAT_TIMEOUT_S } },
    })),
    responseView: NodeView.BASIC,
  });
  const ids: string[] = [];
  while (ids.length < EXECUTIONS) {
    const { executions } = await client.call(acquireStageExecutions, {
      runnerId: PULLED,
      maxExecutions: EXECUTIONS - ids.length,
      wait: { seconds: 10n },
      heldExecutionIds: ids,
    });
    ids.push(...executions.map(({ executionId }) => executionId));
  }
  await Promise.all(ids.map((executionId) => client.call(updateStageExecution, { executionId })));
  return ids;
}

/** An execution that was given up, for want of a heartbeat, can not be completed any more. */
async function countLost(client: BenchClient, executionIds: readonly string[]): Promise<number> {
  const answers = await Promise.allSettled(
    executionIds.map((executionId) => client.call(completeStageExecution, { executionId })),
  );
  return answers.filter((answer) => answer.status === 'rejected' || !answer.value.acknowledged).length;
}
