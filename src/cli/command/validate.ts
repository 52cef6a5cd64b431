import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { type PlanReading, planError, readPlanFile } from '../plan/plan-file.ts';

export function addValidateCommand(program: Command, cli: Cli, end: (code: ExitCode) => void): void {
  program
    .command('validate')
    .argument('<plan.yaml>', 'plan file, or - for standard input')
    .summary('look for faults in a plan file')
    .description('Looks for faults in a plan file, without a server. Each comes as file:line:column: path: what to do.')
    .option('--json', 'answer in JSON')
    .action(async (file: string, { json }: { readonly json?: true }) => {
      const reading = await readPlanFile(file);
      if (json) cli.out.json(readingJson(reading));
      else if ('problems' in reading) throw planError(reading.problems);
      else cli.out.line(`${file}: no faults (${counts(reading)})`);
      end('problems' in reading ? exitCode.usage : exitCode.ok);
    });
}

function readingJson(reading: PlanReading): object {
  if ('problems' in reading) return { valid: false, problems: reading.problems };
  const { name, nodes } = reading.plan;
  return { valid: true, name, stages: nodes.stages.length, checks: nodes.checks.length, problems: [] };
}

function counts({ plan }: Extract<PlanReading, { plan: unknown }>): string {
  const { stages, checks } = plan.nodes;
  return `${counted(stages, 'stage')}, ${counted(checks, 'check')}`;
}

function counted(nodes: readonly unknown[], word: string): string {
  return `${nodes.length} ${word}${nodes.length === 1 ? '' : 's'}`;
}
