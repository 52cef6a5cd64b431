import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { buffer as readAll } from 'node:stream/consumers';
import { CliError } from '../cli-error.ts';
import { exitCode } from '../exit-code.ts';
import { expectedType } from './expected.ts';
import { KnownNames } from './names.ts';
import { type PlanNodes, planNodes } from './plan-nodes.ts';
import { planSchema } from './plan-schema.ts';
import { type Finding, type PlanProblem, problemLine } from './problem.ts';
import { schemaFindings } from './schema-findings.ts';
import { readSource } from './source.ts';

/** A plan file that was found right. */
export type Plan = {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nodes: PlanNodes;
  /** Puts a finding at its place in the file. */
  readonly place: (finding: Finding) => PlanProblem;
};

/** A plan, or everything that is wrong with its file, by place. */
export type PlanReading = { readonly plan: Plan } | { readonly problems: readonly PlanProblem[] };

const none = new KnownNames([], []);

/** Reads the YAML form of a plan. `file` names the text in problems. */
export function readPlan(text: string, file: string, existing: KnownNames = none): PlanReading {
  const source = readSource(text, file);
  if (source.problems.length > 0) return { problems: source.problems };
  const parsed = planSchema.safeParse(source.data ?? {}, { error: expectedType });
  if (!parsed.success) return { problems: inOrder(schemaFindings(parsed.error).map(source.place)) };
  const { nodes, findings } = planNodes(parsed.data, existing);
  if (findings.length > 0) return { problems: inOrder(findings.map(source.place)) };
  const { name = basename(file), metadata = {} } = parsed.data;
  return { plan: { name, metadata, nodes, place: source.place } };
}

/** Reads a plan file, `-` for standard input. */
export async function readPlanFile(path: string, existing: KnownNames = none): Promise<PlanReading> {
  const bytes = await loadBytes(path);
  const file = path === '-' ? 'stdin' : path;
  return isUtf8(bytes)
    ? readPlan(new TextDecoder().decode(bytes), file, existing)
    : { problems: [encodingProblem(bytes, file)] };
}

/** Reads a plan file, `-` for standard input; its faults are one CliError that lists them all. */
export async function loadPlan(path: string, existing: KnownNames = none): Promise<Plan> {
  const reading = await readPlanFile(path, existing);
  if ('plan' in reading) return reading.plan;
  throw planError(reading.problems);
}

async function loadBytes(path: string): Promise<Uint8Array> {
  if (path === '-') return readAll(process.stdin);
  try {
    return await readFile(path);
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CliError(`cannot read ${path}: ${why}`, {
      exitCode: exitCode.notFound,
      reason: 'FILE_NOT_READABLE',
      remedy: 'name a plan file in YAML, or - for standard input',
      cause,
    });
  }
}

/** All faults of a plan file as one error. */
export function planError(problems: readonly PlanProblem[]): CliError {
  const count = problems.length === 1 ? 'a fault' : `${problems.length} faults`;
  return new CliError(`the plan has ${count}`, {
    exitCode: exitCode.usage,
    reason: 'INVALID_PLAN',
    details: problems.map((problem) => ({ path: '', message: problemLine(problem) })),
    remedy: 'docs/plan-yaml.md describes the form',
  });
}

function encodingProblem(bytes: Uint8Array, file: string): PlanProblem {
  const lines = new TextDecoder('latin1').decode(bytes).split('\n');
  const line = lines.findIndex((text) => !isUtf8(Buffer.from(text, 'latin1')));
  const before = new TextDecoder().decode(Buffer.from(lines[line] ?? '', 'latin1'));
  const message = 'the file is not in UTF-8; save it in that encoding';
  return { file, line: line + 1, column: before.indexOf('\uFFFD') + 1, path: '', message };
}

function inOrder(problems: readonly PlanProblem[]): readonly PlanProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
}
