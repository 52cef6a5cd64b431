import type { Command } from 'commander';
import type { Cli, ServerOptions } from './cli.ts';
import { ServerClient } from './client.ts';
import { withEmbeddedServer } from './embedded-server.ts';

/** The server that is talked to when none is named. */
export const DEFAULT_SERVER = '127.0.0.1:50051';

/** Adds the options that say which server is meant. */
export function addServerOptions(command: Command): Command {
  return command
    .option(
      '--server <address>',
      `server to talk to: HOST:PORT or unix:PATH (default: TURBOCI_SERVER or ${DEFAULT_SERVER})`,
    )
    .option('--db <file>', 'instead of a server, open this database of an earlier `turboci run`')
    .option('--json', 'answer in JSON');
}

/** Calls `use` with a client of the server that the options mean, and closes everything after it. */
export async function withClient<T>(
  cli: Cli,
  options: ServerOptions,
  use: (client: ServerClient) => Promise<T>,
): Promise<T> {
  if (options.db !== undefined && options.server === undefined) {
    return withEmbeddedServer({ database: options.db, executesCommands: false }, ({ address }) =>
      withAddress(cli, address, use),
    );
  }
  return withAddress(cli, options.server ?? cli.env.TURBOCI_SERVER ?? DEFAULT_SERVER, use);
}

/** Calls `use` with a client of the server at an address, and closes it after that. */
export async function withAddress<T>(cli: Cli, address: string, use: (client: ServerClient) => Promise<T>): Promise<T> {
  const client = new ServerClient(address, cli.clock);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
