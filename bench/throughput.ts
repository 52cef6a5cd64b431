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
  /** Makes a server ready for so many calls; answers what each of them sends. */
  requests(client: BenchClient, calls: number): Promise<readonly Buffer[]>;
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
    const messages = await requests(client, bareCalls);
    begin();
    await sendAll(inFlight, messages, (message) => client.raw(path, message));
  });
}

/** Server and limits by turns, so that what else the machine does meets all of them. */
function measure({ path, inFlight, requests }: Throughput, journal: Journal, { repetitions, calls, bareCalls }: Scale) {
  return withServer(async ({ process, client }) => {
    const [sample] = await requests(client, 1);
    if (sample === undefined) throw new Error('there is nothing to send');
    const echo = await Echo.start((await client.raw(path, sample)).length);
    const rounds = await repeated(repetitions, async () => {
      const messages = await requests(client, calls);
      const cpuBefore = process.cpuMs();
      const own = await sendAll(inFlight, messages, (message) => client.raw(path, message));
      return {
        own,
        cpuMs: (process.cpuMs() - cpuBefore) / calls,
        echo: await sendAll(inFlight, messages, (message) => echo.call(message)),
        bareRate: await bareWriteRate(journal, bareCalls, inFlight),
      };
    });
    await echo.stop();
    return rounds;
  });
}

/** The messages are made before, and making them is not measured. */
function sendAll(inFlight: number, messages: readonly Buffer[], send: (message: Buffer) => Promise<unknown>) {
  return load(inFlight, messages.length, (index) => send(messages[index] ?? Buffer.alloc(0)));
}
