import type { SentAnswer } from './answers.ts';
import type { RecordedCall } from './record.ts';
import type { Step } from './sequence.ts';

/**
 * Which answers left too early, if every call was made after the answer to the one before: since that answer, the WAL
 * must have been written with what the call stores, and then synced.
 */
export function orderFaults(
  calls: readonly RecordedCall[],
  answers: readonly SentAnswer[],
  steps: readonly Step[],
  wal: string,
): readonly string[] {
  if (answers.length !== steps.length) return [`${steps.length} calls had ${answers.length} answers`];
  return steps.flatMap(({ call, mark }, index) => {
    const before = calls.slice((answers[index - 1]?.at ?? -1) + 1, answers[index]?.at);
    const onWal = before.filter((one) => one.kind !== 'send' && one.file === wal);
    const isWritten = onWal.some((one) => one.kind === 'write' && one.bytes.includes(mark));
    if (!isWritten) return [`${call} ${mark} was answered before it was written`];
    return onWal.at(-1)?.kind === 'sync' ? [] : [`${call} ${mark} was answered before it was synced`];
  });
}
