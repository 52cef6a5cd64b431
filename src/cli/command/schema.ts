import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { planJsonSchema } from '../plan/json-schema.ts';

export function addSchemaCommand(program: Command, cli: Cli): void {
  program
    .command('schema')
    .summary('print the JSON Schema of plan files, for editors')
    .description(
      'Prints the JSON Schema (draft 2020-12) of plan files: give it to your editor, and it completes and checks them.',
    )
    .action(() => cli.out.line(JSON.stringify(planJsonSchema(), null, 2)));
}
