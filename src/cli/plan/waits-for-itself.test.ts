import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeType } from '../../../gen/turboci/v1/common_pb.js';
import { StageWriteSchema } from '../../../gen/turboci/v1/stage_pb.js';
import { waitsForItself } from './waits-for-itself.ts';

const stage = (id: string, ...needs: readonly string[]) =>
  create(StageWriteSchema, {
    id,
    dependencies: { dependencies: needs.map((targetId) => ({ targetType: NodeType.STAGE, targetId })) },
  });

test('a chain of 50,000 stages is searched without recursion, in both directions', () => {
  const chain = Array.from({ length: 50_000 }, (_, at) => (at === 0 ? stage('s0') : stage(`s${at}`, `s${at - 1}`)));
  expect(waitsForItself([], chain)).toBeUndefined();
  expect(waitsForItself([], chain.toReversed())).toBeUndefined();
});

test('names the circle and not the way to it', () => {
  const stages = [stage('start', 'a'), stage('a', 'end', 'b'), stage('b', 'c'), stage('c', 'a'), stage('end')];
  expect(waitsForItself([], stages)).toEqual({
    first: { type: NodeType.STAGE, id: 'a' },
    text: 'stage a → stage b → stage c → stage a',
  });
});

test('two ways to one node are no circle', () => {
  const stages = [stage('bottom', 'left', 'right'), stage('left', 'top'), stage('right', 'top'), stage('top')];
  expect(waitsForItself([], stages)).toBeUndefined();
});
