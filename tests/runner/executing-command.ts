import { Turboci } from '../cli/turboci.ts';
import { execution, FakeServer } from './fake-server.ts';

type Options = { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> };

/** `turboci runner --type t --exec COMMAND`, once the server knows it; killed after the test. */
export async function runner(
  server: FakeServer,
  command: string,
  { args = [], env = {} }: Options = {},
): Promise<Turboci> {
  const cli = new Turboci(['runner', '--type', 't', '--exec', command, '--json', ...args], {
    env: { TURBOCI_SERVER: server.address, ...env },
  });
  await server.received('register');
  return cli;
}

/** What a command that the runner executes reports in the end. */
export async function reportOf(command: string, request = execution('e1')) {
  const server = await new FakeServer().start();
  await runner(server, command);
  server.offer(request);
  const [report] = await server.received('complete');
  return { server, report };
}
