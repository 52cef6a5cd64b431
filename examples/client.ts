/**
 * A client of the gRPC API without the command line: creates a plan, writes a diamond of stages that do nothing, watches
 * it to its end and reads an answer. Needs a server: `npm start`, then
 *
 *   node examples/client.ts [ADDRESS]
 *
 * With another language it is the same: generate code from proto/turboci/v1 and call the same methods.
 */
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { CheckState, DependencyCondition, NodeType, Outcome, StageState } from '../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../gen/turboci/v1/service_pb.js';

const client = new Client(process.argv[2] ?? '127.0.0.1:50051', credentials.createInsecure());
const { createWorkPlan, writeNodes, watchWorkPlan, queryNodes } = TurboCIOrchestrator.method;

try {
  // 1. A plan. The request id makes the call safe to repeat when its answer got lost.
  const { workPlan } = await call(createWorkPlan, {
    metadata: { name: 'client example' },
    requestId: crypto.randomUUID(),
  });
  const workPlanId = workPlan?.id ?? '';

  // 2. All of its nodes in one atomic write; their order does not matter. Stages with a builtin/ runner type start by
  //    themselves as soon as what they wait for is there.
  const after = (...ids: readonly string[]) => ({
    dependencies: ids.map((targetId) => ({
      targetType: NodeType.STAGE,
      targetId,
      condition: DependencyCondition.SUCCEEDED,
    })),
  });
  const noop = { runnerType: 'builtin/noop', executionPolicy: { maxAttempts: 1 } };
  const { revision } = await call(writeNodes, {
    workPlanId,
    requestId: crypto.randomUUID(),
    reason: 'example',
    checks: [{ id: 'is it good?', kind: 'example', state: CheckState.PLANNED }],
    stages: [
      { id: 'top', ...noop },
      { id: 'left', ...noop, args: { delay: '200ms' }, dependencies: after('top') },
      { id: 'right', ...noop, args: { delay: '100ms' }, dependencies: after('top') },
      {
        id: 'bottom',
        ...noop,
        dependencies: after('left', 'right'),
        args: { checks: { 'is it good?': { score: 10 } } },
        assignments: [{ targetCheckId: 'is it good?', goalState: CheckState.FINAL }],
      },
    ],
  });
  console.log(`plan ${workPlanId} at revision ${revision}`);

  // 3. Every change from the first one on, in the order of revisions, each once. After a break, go on with the last
  //    revision that was seen as sinceRevision.
  const request = create(watchWorkPlan.input, { workPlanId, sinceRevision: 0n, endOnCompletion: true });
  const events = client.makeServerStreamRequest(
    pathOf(watchWorkPlan),
    (message) => Buffer.from(toBinary(watchWorkPlan.input, message)),
    (bytes) => fromBinary(watchWorkPlan.output, bytes),
    request,
    new Metadata(),
  );
  for await (const { event, revision: at } of events) {
    if (event.case === 'stageEvent' && event.value.oldState !== event.value.newState) {
      console.log(`  revision ${at}: ${event.value.stageId} is ${StageState[event.value.newState]}`);
    }
  }

  // 4. The answer.
  const { checks } = await call(queryNodes, { workPlanId, checkIds: ['is it good?'], includeChecks: true });
  for (const { id, outcome, results } of checks)
    console.log(
      id,
      Outcome[outcome],
      results.map(({ data }) => data),
    );
} finally {
  client.close();
}

/** A unary call as a promise, typed by the generated method. */
function call<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      pathOf(method),
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
      (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
    );
  });
}

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}
