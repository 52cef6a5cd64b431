import { expect, test } from 'vitest';
import { CheckState, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { readPlan } from '../plan/plan-file.ts';
import { dot } from './dot.ts';
import { mermaid } from './mermaid.ts';
import { type GraphSource, planGraph } from './plan-graph.ts';

function sourceOf(text: string): GraphSource {
  const reading = readPlan(text, 'p.yaml');
  if ('problems' in reading) throw new Error(reading.problems[0]?.message);
  const { stages, checks } = reading.plan.nodes;
  return { stages: stages.map((stage) => ({ ...stage, state: StageState.PLANNED })), checks };
}

const source = sourceOf(`
stages:
  a: {noop: }
  b: {noop: , answers: quality}
  c: {noop: , needs: [a, quality]}
  d: {noop: , needs: {any: [a, {stage: c, when: failed}, {all: [b, c]}]}}
  e: {noop: , needs: [{threshold: 1, of: [a, b]}]}
`);

test('Mermaid: gates stand for any, all and threshold; conditions are labels; checks of one name with a stage are folded', () => {
  expect(mermaid(planGraph(source, false))).toBe(`flowchart LR
  n0["a"]
  n1["b"]
  n2["c"]
  n3["d"]
  n4["e"]
  n5(["quality"])
  n6{"any"}
  n7{"all"}
  n8{"1 of 2"}
  n1 -.-o n5
  n0 --> n2
  n5 --> n2
  n6 --> n3
  n0 --> n6
  n2 -->|failed| n6
  n7 --> n6
  n1 --> n7
  n2 --> n7
  n8 --> n4
  n0 --> n8
  n1 --> n8`);
});

test('every check on request', () => {
  const { nodes, edges } = planGraph(source, true);
  expect(nodes.filter(({ type }) => type === 'check').map(({ label }) => label)).toEqual([
    'a',
    'quality',
    'c',
    'd',
    'e',
  ]);
  expect(edges.filter(({ type }) => type === 'answers')).toHaveLength(5);
});

test('DOT: the same graph; labels cannot break out', () => {
  const drawn = dot(
    planGraph(sourceOf("stages: {'a\"\\b': {noop: }, b: {noop: , needs: {stage: 'a\"\\b', when: final}}}"), false),
  );
  expect(drawn).toBe(`digraph plan {
  rankdir=LR;
  node [style=filled];
  n0 [label="a\\"\\\\b", shape=box, fillcolor="#ffffff"];
  n1 [label="b", shape=box, fillcolor="#ffffff"];
  n0 -> n1 [label="final"];
}`);
});

test('a stored plan has states, children and outcomes', () => {
  const stage = { state: StageState.FINAL, assignments: [], dependencies: undefined };
  const drawn = mermaid(
    planGraph(
      {
        stages: [
          { ...stage, id: 'parent', state: StageState.AWAITING_GROUP },
          { ...stage, id: 'child"]', outcome: Outcome.FAILED, parentStageId: 'parent' },
        ],
        checks: [{ id: 'check', state: CheckState.FINAL, outcome: Outcome.SUCCEEDED }],
      },
      false,
    ),
  );
  expect(drawn.split('\n').slice(0, 5)).toEqual([
    'flowchart LR',
    '  n0["parent"]:::waiting',
    '  n1["child#34;]"]:::failed',
    '  n2(["check"]):::succeeded',
    '  n0 -. adds .-> n1',
  ]);
});
