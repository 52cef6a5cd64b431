/**
 * A scripted runner as a process of its own, over grpc-js and the generated messages alone. Its argument is the JSON of
 * RunnerOptions, its orders come by Node's IPC channel, and it prints READY and its address when it can be called.
 */
import type { Server } from '@grpc/grpc-js';
import { optionsSchema, orderSchema } from './options.ts';
import { Runner } from './runner.ts';
import { serve } from './stage-runner.ts';

const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const runner = new Runner(options);
process.on('message', (order) => runner.obey(orderSchema.parse(order)));
process.on('disconnect', () => process.exit(0));

let server: Server | undefined;
let address = '';
if (options.serves) ({ server, address } = await serve(runner));
if (options.registers) await runner.register(address);
if (options.pullWaitMs !== undefined) runner.pull(options.pullWaitMs);

process.on('SIGTERM', () => {
  runner.leave().then(() => {
    server?.forceShutdown();
    process.exit(0);
  }, runner.fault);
});
process.stdout.write(`READY ${address}\n`);
