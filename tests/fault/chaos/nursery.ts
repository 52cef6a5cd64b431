import { create, type JsonObject, toJson } from '@bufbuild/protobuf';
import { WriteNodesRequestSchema } from '../../../gen/turboci/v1/service_pb.js';
import type { Dice } from '../dice.ts';
import { randomGroup, someDependencies, type Target } from './random-group.ts';
import { randomStage, type StageDraft, stagesAnswerFor } from './random-stage.ts';

const HAS_CHILDREN = 0.2;
const DEEPEST = 2;

/** The children of a plan's stages, which runners write while they are at work. */
export class Nursery {
  readonly #dice: Dice;
  #room: number;

  /** So many nodes at most. */
  constructor(dice: Dice, room: number) {
    this.#dice = dice;
    this.#room = room;
  }

  /** A stage that may wait for earlier nodes; it, or some of its children, may have children. */
  stage(id: string, earlier: readonly Target[], depth = 0): StageDraft {
    const hasChildren = depth < DEEPEST && this.#room > 0 && this.#dice.chance(HAS_CHILDREN);
    const children = hasChildren ? this.#children(id, earlier, depth + 1) : undefined;
    return { ...randomStage(this.#dice, id, children), ...someDependencies(this.#dice, earlier) };
  }

  /** What each attempt of a stage writes: one to three children, sometimes a check, sometimes what to wait for. */
  #children(parent: string, earlier: readonly Target[], depth: number): JsonObject {
    const born: Target[] = [];
    const stages: StageDraft[] = [];
    for (let count = 1 + this.#dice.below(3); count > 0 && this.#room > 0; count--) {
      this.#room -= 1;
      const id = `${parent}.${count}`;
      stages.push(this.stage(id, [...earlier, ...born], depth));
      born.push({ type: 'stage', id });
    }
    const checks: { id: string }[] = [];
    if (this.#room > 0 && this.#dice.chance(0.5)) {
      this.#room -= 1;
      const id = `${parent}.c`;
      stagesAnswerFor(this.#dice, id, stages);
      // Without a state, so that the next attempt may write it again however far it has come.
      checks.push({ id });
      born.push({ type: 'check', id });
    }
    const waits = this.#dice.chance(0.4) ? [{ id: parent, continuationGroup: randomGroup(this.#dice, born) }] : [];
    const request = create(WriteNodesRequestSchema, { checks, stages: [...stages, ...waits] });
    const json = toJson(WriteNodesRequestSchema, request);
    if (json === null || typeof json !== 'object' || Array.isArray(json)) throw new Error('a message is an object');
    return json;
  }
}
