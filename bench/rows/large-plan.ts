import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { encode, pathOf } from '../bench-client.ts';
import { withServer } from '../bench-server.ts';
import { EDGES, prepareLargeWrite } from '../large-write.ts';
import { bareReadMs, bareWriteMs } from '../limits/bare-writes.ts';
import { Echo } from '../limits/echo.ts';
import { recordJournal } from '../limits/record-journal.ts';
import type { Journal } from '../limits/row-journal.ts';
import { milliseconds, repeated, SHORT_ROUND_WARM_UPS } from '../load.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';

const { queryNodes, writeNodes } = TurboCIOrchestrator.method;

/** What a query of all nodes has to read. */
const TABLES = ['checks', 'dependency_groups', 'dependencies'] as const;

/** One write of many nodes, one query for all of them, and for how long that keeps the server from all else. */
export async function largePlan({ repetitions, nodes }: Scale): Promise<readonly Row[]> {
  const journal = await recordJournal(async (client, begin) => {
    const { write } = await prepareLargeWrite(client, nodes);
    begin();
    await client.raw(pathOf(writeNodes), write);
  });
  const rounds = await measure(journal, { repetitions, nodes });
  const count = nodes.toLocaleString('en');
  const query = `QueryNodes of ${count} nodes`;
  return [
    costRow({
      work: `WriteNodes of ${count} nodes, ${EDGES.length} edges each`,
      unit: 'ms',
      values: rounds.map(({ writeMs }) => writeMs),
      limits: { echo: rounds.map(({ writeEcho }) => writeEcho), SQLite: rounds.map(({ bareWrite }) => bareWrite) },
      cpuMs: rounds.map(({ writeCpu }) => writeCpu),
      target: 500,
    }),
    costRow({
      work: query,
      unit: 'ms',
      values: rounds.map(({ queryMs }) => queryMs),
      limits: { echo: rounds.map(({ queryEcho }) => queryEcho), SQLite: rounds.map(({ bareRead }) => bareRead) },
      cpuMs: rounds.map(({ queryCpu }) => queryCpu),
      target: 150,
    }),
    costRow({
      work: query,
      part: 'the loop held at most',
      unit: 'ms',
      values: rounds.map(({ holdMs }) => holdMs),
      target: 20,
    }),
  ];
}

function measure(journal: Journal, { repetitions, nodes }: Pick<Scale, 'repetitions' | 'nodes'>) {
  const sized = (bytes: Buffer) => Echo.start(bytes.length);
  return withServer(
    async ({ process, client }) => {
      const sample = await prepareLargeWrite(client, nodes);
      const writeEcho = await sized(await client.raw(pathOf(writeNodes), sample.write));
      const queryEcho = await sized(
        await client.raw(pathOf(queryNodes), encode(queryNodes, { workPlanId: sample.workPlanId })),
      );
      const round = async () => {
        const { workPlanId, write } = await prepareLargeWrite(client, nodes);
        const query = encode(queryNodes, { workPlanId });
        const before = process.cpuMs();
        const writeMs = await milliseconds(() => client.raw(pathOf(writeNodes), write));
        const between = process.cpuMs();
        const queryMs = await milliseconds(() => client.raw(pathOf(queryNodes), query));
        const after = process.cpuMs();
        return {
          writeMs,
          writeCpu: between - before,
          writeEcho: await milliseconds(() => writeEcho.call(write)),
          bareWrite: await bareWriteMs(journal, 1),
          queryMs,
          queryCpu: after - between,
          queryEcho: await milliseconds(() => queryEcho.call(query)),
          bareRead: await bareReadMs(journal, TABLES),
          holdMs: await process.longestHoldMs(() => client.raw(pathOf(queryNodes), query)),
        };
      };
      const rounds = await repeated(repetitions, round, SHORT_ROUND_WARM_UPS);
      await Promise.all([writeEcho.stop(), queryEcho.stop()]);
      return rounds;
    },
    { isProbed: true },
  );
}
