import type { Command } from 'commander';

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .summary('start a server')
    .description(
      'Starts a server and serves until SIGINT or SIGTERM; as `npm start` does. It is configured by environment ' +
        'variables, e.g. GRPC_PORT, SQLITE_PATH and TURBOCI_PROCESS_EXECUTOR; the README lists them all.',
    )
    .action(async () => {
      // The module is the server process: from here on it handles signals and exit statuses itself.
      await import('../../main.ts');
    });
}
