import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  AttemptState,
  CheckState,
  DependencyCondition,
  NodeType,
  PredicateType,
} from '../../../gen/turboci/v1/common_pb.js';
import type { WriteNodesRequestSchema } from '../../../gen/turboci/v1/service_pb.js';
import type { Dice } from '../dice.ts';

type Nodes = Pick<MessageInitShape<typeof WriteNodesRequestSchema>, 'checks' | 'stages'>;

/** One write of several nodes. The tag is its request_id and its reason, which the events of the write carry. */
export type Write = {
  readonly tag: string;
  readonly planId: string;
  readonly nodes: Nodes;
  /** The nodes that the write itself names, as `check:ID` and `stage:ID`. */
  readonly keys: readonly string[];
};

type Phase = 'NEW' | 'PLANNED' | 'CLAIMED' | 'BUILT' | 'DONE';

const MAX_ATTEMPTS = 3;

/**
 * A few nodes that belong together, and the writes that take them from planning to their end. Every write names several
 * of them; between the writes the server advances others, and runs a builtin stage.
 */
export class Batch {
  readonly planId: string;
  readonly #id: string;
  /** A batch before this one in the same plan, for edges between them. */
  readonly #earlier: string | undefined;
  #phase: Phase = 'NEW';
  #attempt = 1;
  #step = 0;

  constructor(planId: string, id: string, earlier: Batch | undefined) {
    this.planId = planId;
    this.#id = id;
    this.#earlier = earlier?.isDone ? earlier.#id : undefined;
  }

  get isDone(): boolean {
    return this.#phase === 'DONE';
  }

  /** The next write; the batch has moved on with it, so it must be made to succeed or the batch be dropped. */
  next(dice: Dice): Write {
    switch (this.#phase) {
      case 'NEW':
        this.#phase = 'PLANNED';
        return this.#write(this.#plan());
      case 'PLANNED':
        this.#phase = 'CLAIMED';
        return this.#write({ stages: [this.#build({})], checks: [this.#notes()] });
      case 'CLAIMED':
        if (this.#attempt < MAX_ATTEMPTS && dice.chance(0.3)) return this.#write(this.#fail());
        this.#phase = 'BUILT';
        return this.#write(this.#finish());
      case 'BUILT':
      case 'DONE':
        this.#phase = 'DONE';
        return this.#write(this.#conclude());
    }
  }

  /** Six new nodes with edges, nested groups and assignments. */
  #plan(): Nodes {
    const built = check(this.#name('built'));
    const others = this.#earlier === undefined ? [] : [check(`${this.#earlier}.tested`)];
    return {
      checks: [
        { id: this.#name('built'), state: CheckState.PLANNED, kind: 'build' },
        { id: this.#name('notes'), options: { step: 0 } },
        {
          id: this.#name('tested'),
          state: CheckState.PLANNED,
          dependencies: {
            dependencies: [stage(this.#name('build'), DependencyCondition.SUCCEEDED)],
            groups: [{ predicate: PredicateType.OR, dependencies: [built, ...others] }],
          },
        },
        { id: this.#name('report'), state: CheckState.PLANNED },
      ],
      stages: [
        {
          id: this.#name('build'),
          assignments: [{ targetCheckId: this.#name('built'), goalState: CheckState.FINAL }],
          executionPolicy: { maxAttempts: MAX_ATTEMPTS, backoffInitial: { seconds: 0n, nanos: 1_000_000 } },
        },
        {
          id: this.#name('test'),
          runnerType: 'builtin/noop',
          args: { delay: '1ms' },
          dependencies: { dependencies: [check(this.#name('tested'))] },
          assignments: [{ targetCheckId: this.#name('report'), goalState: CheckState.FINAL }],
        },
      ],
    };
  }

  #fail(): Nodes {
    const stages = [this.#build({ state: AttemptState.INCOMPLETE, failure: { message: 'once more' } })];
    this.#phase = 'PLANNED';
    this.#attempt += 1;
    return { stages, checks: [this.#notes()] };
  }

  #finish(): Nodes {
    const result = { ownerType: 'test', ownerId: 'notes', data: { attempts: this.#attempt } };
    return {
      stages: [this.#build({ state: AttemptState.COMPLETE, progress: { message: 'built', idempotencyKey: 'built' } })],
      checks: [{ id: this.#name('notes'), state: CheckState.FINAL, result }],
    };
  }

  #conclude(): Nodes {
    const result = { ownerType: 'test', ownerId: 'tests', data: { passed: 1 } };
    return {
      checks: [
        { id: this.#name('tested'), state: CheckState.FINAL, result },
        {
          id: this.#name('late'),
          dependencies: { dependencies: [stage(this.#name('test'))] },
          state: CheckState.PLANNED,
        },
      ],
    };
  }

  #build(attempt: object) {
    const holder = { attemptIdx: this.#attempt, processUid: `${this.#id}-${this.#attempt}` };
    return { id: this.#name('build'), currentAttempt: { ...holder, ...attempt } };
  }

  #notes() {
    return { id: this.#name('notes'), options: { step: this.#step + 1 } };
  }

  #name(node: string): string {
    return `${this.#id}.${node}`;
  }

  #write(nodes: Nodes): Write {
    this.#step += 1;
    const keys = [
      ...(nodes.checks ?? []).map(({ id }) => `check:${id}`),
      ...(nodes.stages ?? []).map(({ id }) => `stage:${id}`),
    ];
    return { tag: `${this.#id}#${this.#step}`, planId: this.planId, nodes, keys };
  }
}

function check(targetId: string) {
  return { targetType: NodeType.CHECK, targetId };
}

function stage(targetId: string, condition = DependencyCondition.FINAL) {
  return { targetType: NodeType.STAGE, targetId, condition };
}
