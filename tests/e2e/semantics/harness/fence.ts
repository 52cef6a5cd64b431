import { CheckState } from '../../../../gen/turboci/v1/common_pb.js';
import type { TestPlan } from './plan.ts';
import { line, type Watch } from './watch.ts';

/**
 * Writes a FINAL check and waits until the watches have seen it: they have seen all that came before, then. Answers its
 * revision.
 */
export async function fence(plan: TestPlan, ...watches: readonly Watch[]): Promise<bigint> {
  const id = `fence-${(await plan.get()).version}`;
  const { revision } = await plan.write({ checks: [{ id, state: CheckState.FINAL }] });
  await Promise.all(watches.map((watch) => untilFence(watch, id)));
  return revision;
}

/** Waits until the watch has seen the fence of that name. */
export async function untilFence(watch: Watch, id: string): Promise<void> {
  await watch.until(({ event }) => event.case === 'checkEvent' && event.value.checkId === id, id);
}

/** What the watch saw before that revision, a line an event. */
export function linesBefore(watch: Watch, revision: bigint): readonly string[] {
  return watch.events.filter((event) => event.revision < revision).map(line);
}
