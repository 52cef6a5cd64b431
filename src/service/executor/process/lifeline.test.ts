import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'lifeline-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A server that does nothing but run one command and print its output. */
const SERVER = `
import { runCommand } from ${JSON.stringify(new URL('./command.ts', import.meta.url).href)};
import { systemClock } from ${JSON.stringify(new URL('../../../platform/clock.ts', import.meta.url).href)};
const environment = { PATH: '/usr/bin:/bin' };
await runCommand(
  {
    file: '/bin/sh',
    argv: ['-c', "trap '' TERM HUP INT; sleep 1000 & echo pids $$ $!; wait"],
    cwd: undefined,
    env: environment,
    timeoutMs: undefined,
    pipePath: ${JSON.stringify(join(folder, 'pipe'))},
    signal: new AbortController().signal,
    onOutput: async (chunk) => void process.stdout.write(chunk),
  },
  { clock: systemClock(), environment, killGraceMs: 5000, drainMs: 1000 },
);
`;

test('a command and its descendants die with a server that is killed', async () => {
  const server = spawn(process.execPath, ['--input-type=module', '-e', SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const pids = String(line).split(' ').slice(1).map(Number);
  expect(pids).toHaveLength(2);
  for (const pid of pids) expect(isAlive(pid)).toBe(true);
  server.kill('SIGKILL');
  for (const pid of pids) await expect.poll(() => isAlive(pid), { timeout: 10_000, interval: 5 }).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /u.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
