import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Machine } from './machine.ts';
import type { Row } from './row.ts';
import { UsageError } from './usage-error.ts';

/** A run of the benchmarks, as `--json` prints it. */
export type Results = {
  readonly machine: Machine;
  /** Whether sizes were small. */
  readonly quick: boolean;
  /** What a reader of the figures has to know, by what it is about. */
  readonly notes: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
};

const sample = z.object({ median: z.number(), least: z.number(), most: z.number() });

const machine: z.ZodType<Machine> = z.object({
  cpu: z.string(),
  cores: z.number(),
  memoryGiB: z.number(),
  kernel: z.string(),
  fileSystem: z.string(),
  node: z.string(),
  sqlite: z.string(),
  commit: z.string(),
  date: z.iso.datetime(),
  loadBefore: z.number(),
});

const row: z.ZodType<Row> = z.object({
  work: z.string(),
  part: z.string().optional(),
  unit: z.string(),
  better: z.enum(['MORE', 'LESS']),
  figure: sample,
  limits: z.array(z.object({ name: z.string(), figure: sample })),
  ratio: sample.optional(),
  cpuMs: sample.optional(),
  target: z.number().optional(),
});

const results: z.ZodType<Results> = z.object({
  machine,
  quick: z.boolean(),
  notes: z.record(z.string(), z.string()),
  rows: z.array(row),
});

/** Reads what `--json` printed; what npm prints before it is skipped. Throws if it is something else. */
export function parseResults(text: string): Results {
  return results.parse(JSON.parse(text.replace(/^(\s*|> .*)\n/gm, '')));
}

export function readResults(path: string): Results {
  try {
    return parseResults(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path} holds no results of npm run bench -- --json: ${String(error)}`);
  }
}

export function jsonOf(run: Results): string {
  return JSON.stringify(run, null, 2);
}
