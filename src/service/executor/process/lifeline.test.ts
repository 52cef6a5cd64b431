import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'lifeline-'));
afterAll(() => {
  for (const server of servers) for (const pid of server.commands()) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A server that does nothing but run commands and print their output: `run(script)` until it ends or wrote something. */
const SERVER = `
import { subscribe } from 'node:diagnostics_channel';
import { runCommand } from ${JSON.stringify(new URL('./command.ts', import.meta.url).href)};
import { systemClock } from ${JSON.stringify(new URL('../../../platform/clock.ts', import.meta.url).href)};
const { pid, env } = process;
const environment = { PATH: '/usr/bin:/bin' };
let pipes = 0;
function run(script, isLong) {
  const controller = new AbortController();
  return runCommand(
    {
      file: '/bin/sh',
      argv: ['-c', script],
      cwd: undefined,
      env: { ...environment, MARK: env.MARK },
      timeoutMs: undefined,
      pipePath: ${JSON.stringify(folder)} + '/' + env.MARK + pipes++,
      signal: controller.signal,
      onOutput: async (chunk) => {
        process.stdout.write(chunk);
        if (!isLong) controller.abort();
      },
    },
    { clock: systemClock(), environment, killGraceMs: 5000, drainMs: 1000 },
  );
}
`;

type Server = {
  readonly lines: AsyncIterator<string>;
  kill(): void;
  /** Resolves when the server is dead, and what it was about to start has become a shell or is dead, too. */
  readonly gone: Promise<unknown[]>;
  /** The commands that run. */
  commands(): number[];
};

const servers: Server[] = [];

function start(script: string): Server {
  const mark = `${process.pid}-${servers.length}-`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${SERVER}\n${script}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MARK: mark },
  });
  const server: Server = {
    lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
    kill: () => child.kill('SIGKILL'),
    gone: once(child, 'close'),
    commands: () => processes().filter((pid) => pid !== child.pid && environmentOf(pid).includes(`\0MARK=${mark}\0`)),
  };
  servers.push(server);
  return server;
}

/** That there are none any more soon after the server was killed. */
async function expectNoCommands(server: Server): Promise<void> {
  expect(await server.gone).toEqual([null, 'SIGKILL']);
  await expect.poll(() => server.commands(), { timeout: 10_000, interval: 20 }).toEqual([]);
}

function processes(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** Empty for a process that has ended. */
function environmentOf(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`;
  } catch {
    return '';
  }
}

test('a command and its descendants die with a server that is killed', async () => {
  const server = start(`await run("trap '' TERM HUP INT; sleep 1000 & echo pids $$ $!; wait", true);`);
  const { value } = await server.lines.next();
  const pids = value.split(' ').slice(1).map(Number);
  expect(pids).toHaveLength(2);
  expect(server.commands()).toEqual(expect.arrayContaining(pids));
  server.kill();
  await expectNoCommands(server);
});

test('a command that kills the server before that knows its id dies, too', async () => {
  const server = start(`
    const script = 'kill -KILL ' + pid + '; exec sleep 1000';
    subscribe('tracing:child_process.spawn:end', ({ process }) => {
      const until = performance.now() + 10_000;
      while (process.spawnargs.includes(script) && performance.now() < until);
    });
    await run(script, true);
  `);
  await expectNoCommands(server);
});

test('no command outlives a server that is killed while it starts many', async () => {
  for (let round = 0; round < 8; round += 1) {
    await Promise.all(
      [1, 4, 7, 10].map(async (last) => {
        const server = start(`
          let starts = 0;
          const script = () => ((starts += 1) < ${last} ? 'echo up' : 'kill -KILL ' + pid) + '; exec sleep 1000';
          const lane = async () => { for (;;) await run(script(), false); };
          await Promise.all(Array.from({ length: 6 }, lane));
        `);
        await expectNoCommands(server);
      }),
    );
  }
}, 120_000);
