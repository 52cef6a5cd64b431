import type { Command } from 'commander';
import type { Cli, ServerOptions } from './cli.ts';
import { CliError } from './cli-error.ts';
import { ServerClient } from './client.ts';
import { withEmbeddedServer } from './embedded-server.ts';
import { exitCode } from './exit-code.ts';

/** The server that is talked to when none is named. */
export const DEFAULT_SERVER = '127.0.0.1:50051';

const HOST_AND_PORT = /^(?:\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})$/iu;
const LAST_PORT = 65_535;

/** The address of a server as it was given, undefined for an empty one. Throws a CliError if it has another form. */
export function serverAddress(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(HOST_AND_PORT.exec(text)?.[1] ?? 0);
  if (/^unix:./u.test(text) || (port > 0 && port <= LAST_PORT)) return text;
  throw new CliError(`"${text}" is no address of a server`, {
    exitCode: exitCode.usage,
    reason: 'USAGE',
    remedy: `expected HOST:PORT or unix:PATH in --server or TURBOCI_SERVER, such as ${DEFAULT_SERVER}`,
  });
}

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
  const server = serverAddress(options.server);
  if (options.db !== undefined && server === undefined) {
    return withEmbeddedServer({ database: options.db, mayCreate: false, executesCommands: false }, ({ address }) =>
      withAddress(cli, address, use),
    );
  }
  return withAddress(cli, server ?? serverAddress(cli.env.TURBOCI_SERVER) ?? DEFAULT_SERVER, use);
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
