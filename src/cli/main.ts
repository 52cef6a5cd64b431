#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { systemClock } from '../platform/clock.ts';
import { systemIds } from '../platform/ids.ts';
import type { Cli } from './cli.ts';
import { errorJson, errorLines, toCliError } from './cli-error.ts';
import { addAddCommand } from './command/add.ts';
import { addCancelCommand } from './command/cancel.ts';
import { addDescribeCommand } from './command/describe.ts';
import { addGetCommand } from './command/get.ts';
import { addGraphCommand } from './command/graph.ts';
import { addListCommand } from './command/list.ts';
import { addRunCommand } from './command/run.ts';
import { addRunnerCommand } from './command/runner.ts';
import { addRunnersCommand } from './command/runners.ts';
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

const wantsJson = process.argv.includes('--json');

// A reader that has seen enough (`turboci list | head`) or a terminal that is closed is no error; a run goes on without.
for (const { stream } of [cli.out, cli.err]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
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
    .configureOutput({ writeErr: (text) => void (wantsJson || cli.err.stream.write(text)) })
    .exitOverride();
  addRunCommand(turboci, cli, end);
  addValidateCommand(turboci, cli, end);
  addGraphCommand(turboci, cli);
  addSchemaCommand(turboci, cli);
  addListCommand(turboci, cli);
  addGetCommand(turboci, cli);
  addDescribeCommand(turboci, cli);
  addWatchCommand(turboci, cli, end);
  addCancelCommand(turboci, cli);
  addAddCommand(turboci, cli);
  addRunnerCommand(turboci, cli, end);
  addRunnersCommand(turboci, cli);
  addServeCommand(turboci);
  for (const command of turboci.commands) command.copyInheritedSettings(turboci);
  return turboci.addHelpText(
    'after',
    '\nExit status: 0 done, 1 the plan did not succeed, 64 wrong usage or plan file, 66 not found, 69 no server,\n' +
      '70 a bug, 75 database in use, 76 refused by the server, 130 interrupted; docs/cli.md has them all. The form of plan\nfiles: docs/plan-yaml.md.',
  );
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCode.ok;
  const shown = toCliError(error);
  if (wantsJson) cli.err.line(errorJson(shown));
  // The words of commander are written already.
  else if (!(error instanceof CommanderError)) cli.err.lines(errorLines(shown));
  return shown.exitCode;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
