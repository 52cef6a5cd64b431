import { NodeView } from '../../../gen/turboci/v1/common_pb.js';
import type { Served } from '../serve.ts';

const PAYLOAD_BYTES = 20_000;
const LANES = 4;
/** With this many refusals in a row nothing gets through by chance any more. */
const ENOUGH_REFUSALS = 3;

/** Twins are written together: both are there, or neither. */
export type Outcome = { readonly acknowledged: readonly string[]; readonly errors: readonly unknown[] };

type Filling = {
  readonly prefix: string;
  /** Bytes in each of the twins. */
  readonly bytes?: number;
  /** Writes of a lane, if it is not refused before. */
  readonly most?: number;
};

/** Writes pairs of large nodes over several calls at a time, each until it has been refused a few times. */
export async function fill(
  api: Served['api'],
  workPlanId: string,
  { prefix, bytes = PAYLOAD_BYTES, most = Number.POSITIVE_INFINITY }: Filling,
): Promise<Outcome> {
  const acknowledged: string[] = [];
  const errors: unknown[] = [];
  const options = { payload: 'x'.repeat(bytes) };
  const lane = async (name: number) => {
    for (let count = 0, refused = 0; count < most && refused < ENOUGH_REFUSALS; count++) {
      const id = `${prefix}-${name}-${count}`;
      const checks = [id, `${id}-twin`].map((twin) => ({ id: twin, options }));
      try {
        await api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
        acknowledged.push(...checks.map((check) => check.id));
        refused = 0;
      } catch (error) {
        errors.push(error);
        refused += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, name) => lane(name)));
  return { acknowledged, errors };
}

/** What is stored, and what of it cannot be: nodes without their twins, and acknowledged ones that are missing. */
export async function contradictions(api: Served['api'], workPlanId: string, acknowledged: readonly string[]) {
  const { checks } = await api.queryNodes({ workPlanId, view: NodeView.BASIC });
  const stored = new Set(checks.map(({ id }) => id));
  const twinOf = (id: string) => (id.endsWith('-twin') ? id.slice(0, -'-twin'.length) : `${id}-twin`);
  return {
    lost: acknowledged.filter((id) => !stored.has(id)),
    halves: [...stored].filter((id) => !stored.has(twinOf(id))),
  };
}

/** No contradictions. */
export const CONSISTENT = { lost: [], halves: [] };
