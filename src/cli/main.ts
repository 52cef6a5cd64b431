#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { systemClock } from '../platform/clock.ts';
import { systemIds } from '../platform/ids.ts';
import type { Cli } from './cli.ts';
import { CliError, errorJson, errorLines } from './cli-error.ts';
import { addAddCommand } from './command/add.ts';
import { addCancelCommand } from './command/cancel.ts';
import { addGetCommand } from './command/get.ts';
import { addGraphCommand } from './command/graph.ts';
import { addListCommand } from './command/list.ts';
import { addRunCommand } from './command/run.ts';
import { addSchemaCommand } from './command/schema.ts';
import { addServeCommand } from './command/serve.ts';
import { addValidateCommand } from './command/validate.ts';
import { addWatchCommand } from './command/watch.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { Output } from './output.ts';

/** The composition root of the command: fills Cli from the process, runs one command, turns its end into an exit code. */
const cli: Cli = {
  out: new Output(process.stdout),
  err: new Output(process.stderr),
  // biome-ignore lint/style/noProcessEnv: the one place of the command that reads it
  env: process.env,
  clock: systemClock(),
  newRequestId: systemIds.execution,
  version: packageVersion(),
};

// A reader that has seen enough (`turboci list | head`) is no error; a run goes on without it.
for (const { stream } of [cli.out, cli.err]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function program(): Command {
  const end = (code: ExitCode): void => {
    process.exitCode = code;
  };
  const turboci = new Command('turboci')
    .description('Runs CI plans: stages that depend on each other, on a server that keeps every answer durably.')
    .version(cli.version)
    .showHelpAfterError('See --help.')
    .exitOverride();
  addRunCommand(turboci, cli, end);
  addValidateCommand(turboci, cli, end);
  addGraphCommand(turboci, cli);
  addSchemaCommand(turboci, cli);
  addListCommand(turboci, cli);
  addGetCommand(turboci, cli);
  addWatchCommand(turboci, cli, end);
  addCancelCommand(turboci, cli);
  addAddCommand(turboci, cli);
  addServeCommand(turboci);
  for (const command of turboci.commands) command.copyInheritedSettings(turboci);
  return turboci.addHelpText(
    'after',
    '\nExit status: 0 done, 1 the plan did not succeed, 64 wrong usage or plan file, 66 not found, 69 no server,\n' +
      '70 a bug, 75 database in use, 76 refused by the server, 130 interrupted. The plan file form: docs/plan-yaml.md.',
  );
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  if (!(error instanceof CliError)) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    cli.err.line(`turboci: this is a bug, please report it\n${what}`);
    return exitCode.internal;
  }
  if (process.argv.includes('--json')) cli.err.line(errorJson(error));
  else cli.err.lines(errorLines(error));
  return error.exitCode;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
