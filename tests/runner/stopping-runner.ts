/** A runner that stops after its first execution: `node stopping-runner.ts SERVER serve|pull`. Prints its address. */
import { startRunner } from '../../src/runner/start-runner.ts';

const [, , server = '', mode] = process.argv;
const handlers = { t: async () => void setImmediate(() => void runner.stop()) };
const runner = await startRunner({ server, mode: mode === 'serve' ? 'serve' : 'pull', handlers });
console.log(runner.address);
