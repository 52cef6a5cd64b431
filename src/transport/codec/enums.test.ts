import type { DescEnum } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import * as pb from '../../../gen/turboci/v1/common_pb.js';
import { attemptStates } from '../../domain/attempt.ts';
import { checkStates } from '../../domain/check.ts';
import { predicates, resolutions } from '../../domain/dependency/group.ts';
import { conditions, outcomes } from '../../domain/outcome.ts';
import { concludedReasons, executionModes, stageStates } from '../../domain/stage.ts';
import { workPlanStates } from '../../domain/work-plan.ts';
import * as codecs from './enums.ts';

type Case = readonly [desc: DescEnum, codec: codecs.EnumCodec<string, number>, words: readonly string[]];

const cases: readonly Case[] = [
  [pb.CheckStateSchema, codecs.checkState, checkStates],
  [pb.StageStateSchema, codecs.stageState, stageStates],
  [pb.AttemptStateSchema, codecs.attemptState, attemptStates],
  [pb.WorkPlanStateSchema, codecs.workPlanState, workPlanStates],
  [pb.PredicateTypeSchema, codecs.predicate, predicates],
  [pb.NodeTypeSchema, codecs.nodeType, ['CHECK', 'STAGE']],
  [pb.NodeViewSchema, codecs.nodeView, ['BASIC', 'FULL']],
  [pb.ExecutionModeSchema, codecs.executionMode, executionModes],
  [pb.DependencyConditionSchema, codecs.condition, conditions],
  [pb.ResolutionSchema, codecs.resolution, resolutions],
  [pb.OutcomeSchema, codecs.outcome, outcomes],
  [pb.ConcludedReasonSchema, codecs.concludedReason, concludedReasons],
];

describe.each(cases)('%s', (desc, codec, words) => {
  test('has a word of the domain for each value but 0, of the same name', () => {
    const named = desc.values.filter((value) => value.number !== 0).map((value) => value.localName);
    expect([...words].toSorted()).toEqual(named.toSorted());
    for (const value of desc.values) {
      if (value.number !== 0) expect(codec.read(value.number)).toBe(value.localName);
    }
  });

  test('reads 0 as unset and passes unknown numbers on', () => {
    expect(codec.read(0)).toBeUndefined();
    expect(codec.read(77)).toBe(77);
    expect(codec.read(-1)).toBe(-1);
  });

  test('writes each word as the number that it reads', () => {
    for (const word of words) expect(codec.read(codec.value[word] ?? 0)).toBe(word);
  });
});
