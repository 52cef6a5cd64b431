import { z } from 'zod';
import { goalStates } from '../../domain/assignment.ts';
import type { Limits } from '../../domain/limits.ts';
import { executionModes, stageStates } from '../../domain/stage.ts';
import type { StageWrite } from '../../service/requests.ts';
import { attemptWriteSchema } from './attempt-write.ts';
import { countEdges, dependencyGroupSchema } from './dependency-group.ts';
import { executionPolicy } from './execution-policy.ts';
import { failureWrite } from './failure.ts';
import { type Checked, fault } from './fault.ts';
import { limitedFields, naturalNumber, oneOf, oversizedJson, unset } from './fields.ts';

/** One stage of a write. */
export function stageWriteSchema(limits: Limits): z.ZodType<StageWrite> {
  const { id, optionalId, json } = limitedFields(limits);
  const group = unset(dependencyGroupSchema(limits));
  return z
    .object({
      id,
      state: unset(oneOf(stageStates)),
      args: unset(json),
      assignments: z.array(z.object({ targetCheckId: id, goalState: oneOf(goalStates) })),
      dependencies: group,
      currentAttempt: unset(attemptWriteSchema(limits)),
      executionMode: unset(oneOf(executionModes)),
      runnerType: optionalId,
      expectedVersion: unset(naturalNumber),
      executionPolicy: unset(executionPolicy),
      continuationGroup: group,
      cancel: z.boolean(),
      failure: unset(failureWrite),
    })
    .check((checked) => {
      checkAssignments(checked, limits);
      checkSizes(checked, limits);
      const { failure, state } = checked.value;
      if (failure !== undefined && state !== 'FINAL') fault(checked, 'goes with the state FINAL only', ['failure']);
    });
}

function checkAssignments(checked: Checked<StageWrite>, limits: Limits): void {
  const { assignments } = checked.value;
  if (assignments.length > limits.edgesPerNode) {
    const message = `a stage has at most ${limits.edgesPerNode} assignments`;
    fault(checked, message, ['assignments'], 'REQUEST_LIMIT_EXCEEDED');
  }
  if (assignments.length < 2) return;
  const seen = new Set<string>();
  assignments.forEach(({ targetCheckId }, at) => {
    if (seen.has(targetCheckId)) fault(checked, 'is assigned twice', ['assignments', at, 'targetCheckId']);
    seen.add(targetCheckId);
  });
}

function checkSizes(checked: Checked<StageWrite>, limits: Limits): void {
  const { args, currentAttempt, dependencies, continuationGroup } = checked.value;
  const oversized = oversizedJson(
    [
      { path: ['args'], value: args },
      { path: ['currentAttempt', 'details'], value: currentAttempt?.details },
      { path: ['currentAttempt', 'progress', 'details'], value: currentAttempt?.progress?.details },
    ],
    limits.jsonBytes,
  );
  if (oversized !== undefined) {
    const message = `the JSON of a node must have at most ${limits.jsonBytes} bytes`;
    fault(checked, message, oversized.path, 'REQUEST_LIMIT_EXCEEDED');
  }
  const own = countEdges(dependencies);
  if (own + countEdges(continuationGroup) > limits.edgesPerNode) {
    const path = own > limits.edgesPerNode ? ['dependencies'] : ['continuationGroup'];
    fault(checked, `a node has at most ${limits.edgesPerNode} edges`, path, 'REQUEST_LIMIT_EXCEEDED');
  }
}
