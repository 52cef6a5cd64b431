import type { BenchClient } from './bench-client.ts';
import { withServer } from './bench-server.ts';
import { bareWriteRate } from './limits/bare-writes.ts';
import { Echo } from './limits/echo.ts';
import { recordJournal } from './limits/record-journal.ts';
import type { Journal } from './limits/row-journal.ts';
import { load, repeated } from './load.ts';
import { costRow, type Row, rateRow } from './row.ts';
import type { Scale } from './scale.ts';
import { quotients } from './statistics.ts';

/** Calls of one method with always so many in flight, and what they must reach. */
export type Throughput = {
  readonly work: string;
  readonly path: string;
  readonly inFlight: number;
  readonly least: { readonly rate: number; readonly shareOfEcho?: number };
  readonly p99Most: number;
  /** Makes a server ready for a round of calls; answers what each of them sends. */
  requests(client: BenchClient): Promise<(index: number) => Buffer>;
};

/** Rate and latencies, held against a bare echo of the same bytes and a bare program that writes the same rows. */
export async function throughputRows(throughput: Throughput, scale: Scale): Promise<readonly Row[]> {
  const { work, least, p99Most } = throughput;
  const rounds = await measure(throughput, await record(throughput, scale), scale);
  const rates = rounds.map(({ own }) => own.rate);
  const echoRates = rounds.map(({ echo }) => echo.rate);
  return [
    rateRow({
      work,
      unit: 'calls/s',
      values: rates,
      limits: { echo: echoRates, SQLite: rounds.map(({ bareRate }) => bareRate) },
      cpuMs: rounds.map(({ cpuMs }) => cpuMs),
      target: least.rate,
    }),
    rateRow({
      work,
      part: 'share of the bare echo',
      unit: '×',
      values: quotients(rates, echoRates),
      target: least.shareOfEcho,
    }),
    costRow({
      work,
      part: 'half of the calls within',
      unit: 'ms',
      values: rounds.map(({ own }) => own.p50),
      limits: { echo: rounds.map(({ echo }) => echo.p50) },
    }),
    costRow({
      work,
      part: 'p99',
      unit: 'ms',
      values: rounds.map(({ own }) => own.p99),
      limits: { echo: rounds.map(({ echo }) => echo.p99) },
      target: p99Most,
    }),
  ];
}

function record({ path, inFlight, requests }: Throughput, { bareCalls }: Scale): Promise<Journal> {
  return recordJournal(async (client, begin) => {
    const request = await requests(client);
    begin();
    await load(inFlight, bareCalls, (index) => client.raw(path, request(index)));
  });
}

/** Server and limits by turns, so that what else the machine does meets all of them. */
function measure({ path, inFlight, requests }: Throughput, journal: Journal, { repetitions, calls, bareCalls }: Scale) {
  return withServer(async ({ process, client }) => {
    const sample = await requests(client);
    const echo = await Echo.start((await client.raw(path, sample(0))).length);
    const rounds = await repeated(repetitions, async () => {
      const request = await requests(client);
      const cpuBefore = process.cpuMs();
      const own = await load(inFlight, calls, (index) => client.raw(path, request(index)));
      return {
        own,
        cpuMs: (process.cpuMs() - cpuBefore) / calls,
        echo: await load(inFlight, calls, (index) => echo.call(request(index))),
        bareRate: await bareWriteRate(journal, bareCalls, inFlight),
      };
    });
    await echo.stop();
    return rounds;
  });
}
