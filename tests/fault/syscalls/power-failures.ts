import { fromBinary } from '@bufbuild/protobuf';
import { WriteNodesResponseSchema } from '../../../gen/turboci/v1/service_pb.js';
import { readHistory } from '../crash/history.ts';
import type { Acknowledgement, Ledger } from '../crash/ledger.ts';
import type { Dice } from '../dice.ts';
import { answersIn } from './answers.ts';
import { Disk } from './disk.ts';
import type { RecordedCall } from './record.ts';

/** The power fails between two system calls. */
export type PowerFailure = {
  readonly name: string;
  /** Answers to writes that had left by then. */
  readonly answers: number;
  /** Writes the database as the disk has it. */
  save(to: string): void;
  /** Everything in which the database contradicts the answers that had left. */
  contradictions(path: string): readonly string[];
};

/** The life of a recorded server, to be cut off anywhere. */
export class PowerFailures {
  readonly #calls: readonly RecordedCall[];
  readonly #known: Ledger;
  readonly #path: string;
  /** The tags of the writes whose answers left, by the index of the call. */
  readonly #answers: readonly { readonly at: number; readonly tag: string }[];

  constructor(calls: readonly RecordedCall[], known: Ledger, path: string) {
    this.#calls = calls;
    this.#known = known;
    this.#path = path;
    const tags = new Map(known.acknowledgedWrites.map((write) => [keyOf(known.answerTo(write)), write.tag]));
    this.#answers = answersIn(calls).flatMap(({ at, message }) => {
      const tag = tags.get(answerKey(message));
      return tag === undefined ? [] : [{ at, tag }];
    });
  }

  /** Answers of writes that were found in the record. */
  get answerCount(): number {
    return this.#answers.length;
  }

  /** So many failures, in order of time: half of them as an answer has just left and nothing that was not synced is kept. */
  *some(count: number, dice: Dice): Generator<PowerFailure> {
    const first = this.#answers[0]?.at ?? 0;
    const cuts = Array.from({ length: count }, (_, index) =>
      index % 2 === 0
        ? { at: dice.pick(this.#answers).at + 1, isStrict: true }
        : { at: first + 1 + dice.below(this.#calls.length - first), isStrict: false },
    ).toSorted((one, other) => one.at - other.at);
    const disk = new Disk();
    let done = 0;
    for (const { at, isStrict } of cuts) {
      for (const call of this.#calls.slice(done, at)) disk.apply(call);
      done = at;
      yield this.#failure(at, disk, isStrict ? undefined : dice);
    }
  }

  #failure(at: number, disk: Disk, dice: Dice | undefined): PowerFailure {
    const told = new Set(this.#answers.filter((answer) => answer.at < at).map(({ tag }) => tag));
    return {
      name: `before call ${at}, ${dice === undefined ? 'nothing' : 'some'} kept of what was not synced`,
      answers: told.size,
      save: (to) => {
        disk.save(this.#path, to, dice);
        disk.save(`${this.#path}-wal`, `${to}-wal`, dice);
      },
      contradictions: (path) => this.#known.asOf(told).contradictions(readHistory(path)),
    };
  }
}

function keyOf(answer: Acknowledgement | undefined): string {
  return `${answer?.revision}/${answer?.nodes[0]?.key}`;
}

/** The same for the bytes of an answer. */
function answerKey(message: Buffer): string {
  try {
    const { revision, checks, stages } = fromBinary(WriteNodesResponseSchema, message);
    const [check, stage] = [checks[0], stages[0]];
    return `${revision}/${check === undefined ? `stage:${stage?.id}` : `check:${check.id}`}`;
  } catch {
    // Another call's answer.
    return '';
  }
}
