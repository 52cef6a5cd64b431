import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../platform/clock.ts';
import { type CommandEnd, type CommandHost, type CommandSpec, runCommand } from './command.ts';
import { StartError } from './start-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const environment = { PATH: '/usr/local/bin:/usr/bin:/bin' };
const host: CommandHost = { clock: systemClock(), environment, killGraceMs: 300, drainMs: 300 };
/** For ends that must come otherwise: a test that had to wait for it would time out. */
const never = 3_600_000;

type Running = {
  readonly end: Promise<CommandEnd>;
  readonly output: () => string;
  readonly abort: () => void;
  /** The match of a pattern as soon as the output has it. */
  readonly seen: (pattern: RegExp) => Promise<RegExpExecArray>;
};

let pipes = 0;

function start(script: string, spec: Partial<CommandSpec> = {}, options: Partial<CommandHost> = {}): Running {
  const controller = new AbortController();
  let output = '';
  pipes += 1;
  const end = runCommand(
    {
      file: '/bin/sh',
      argv: ['-c', script],
      cwd: folder,
      env: environment,
      timeoutMs: undefined,
      pipePath: join(folder, `${pipes}.pipe`),
      signal: controller.signal,
      onOutput: async (chunk) => {
        output += chunk.toString();
      },
      ...spec,
    },
    { ...host, ...options },
  );
  const seen = async (pattern: RegExp): Promise<RegExpExecArray> => {
    await expect.poll(() => pattern.test(output), { timeout: 10_000, interval: 5 }).toBe(true);
    const match = pattern.exec(output);
    if (match === null) throw new Error('unreachable');
    return match;
  };
  return { end, output: () => output, abort: () => controller.abort(), seen };
}

function isAlive(pid: number): boolean {
  try {
    // State Z is a zombie that nobody has waited for yet: dead for our purposes.
    return !/\) [ZX] /u.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function expectDeath(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid), { timeout: 10_000, interval: 5 }).toBe(false);
}

describe('a command', () => {
  test('ends with its exit status', async () => {
    expect(await start('exit 0').end).toMatchObject({ exitCode: 0, signal: null, stopped: undefined });
    expect(await start('exit 3').end).toMatchObject({ exitCode: 3, signal: null, stopped: undefined });
  });

  test('ends by a signal', async () => {
    expect(await start('kill -SEGV $$').end).toMatchObject({ exitCode: null, signal: 'SIGSEGV', stopped: undefined });
  });

  test('writes stdout and stderr into one stream, in order, also by path', async () => {
    const script = 'for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; echo path $n > /dev/stderr; done';
    const run = start(script);
    await run.end;
    expect(run.output()).toBe([1, 2, 3, 4, 5].map((n) => `out ${n}\nerr ${n}\npath ${n}\n`).join(''));
  });

  test('reads /dev/null', async () => {
    const run = start('cat; readlink /proc/self/fd/0');
    await run.end;
    expect(run.output()).toBe('/dev/null\n');
  });

  test('leads a session of its own, without descriptors of the server', async () => {
    const held = openSync(join(folder, 'held'), 'w');
    const run = start('ls -l /proc/$$/fd; cut -d" " -f1,5,6 /proc/$$/stat');
    await run.end;
    closeSync(held);
    rmSync(join(folder, 'held'));
    expect(run.output()).toMatch(/\n(\d+) \1 \1\n$/u);
    expect(run.output()).toContain('/dev/null');
    expect(run.output()).not.toMatch(/held|socket:/u);
  });

  test('sees the environment that is given and nothing else', async () => {
    const run = start('/usr/bin/env', { env: { ONLY: 'this' } });
    await run.end;
    expect(
      run
        .output()
        .split('\n')
        .filter((line) => !/^(PWD|SHLVL|_|OLDPWD)=/u.test(line)),
    ).toEqual(['ONLY=this', '']);
  });

  test('gets arguments and environment as they are, whatever a shell would make of them', async () => {
    const args = ['', ' a  b ', '$HOME `x` *', `'"\\`, '-n', 'line\nline'];
    const echo = start('', { file: 'printf', argv: ['<%s>', ...args] });
    await echo.end;
    expect(echo.output()).toBe(args.map((arg) => `<${arg}>`).join(''));
    const env = { ONLY: 'a\nb', 'A.B': ' 1 ', 'IN-PUT': '2', IFS: 'x', PWD: '/else/where', UID: '7', '-u': 'v', ü: '' };
    const run = start('', { file: '/usr/bin/env', argv: ['-0'], env });
    await run.end;
    const expected = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    expect(run.output().split('\0').sort()).toEqual([...expected, ''].sort());
  });
});

describe('what cannot start says why', () => {
  test.each<[string, Partial<CommandSpec>, RegExp]>([
    ['a missing program', { file: 'no-such-program', argv: [] }, /^cannot start "no-such-program": command not found/u],
    ['a missing path', { file: '/no/such', argv: [] }, /command not found \(ENOENT\)/u],
    ['a folder', { file: folder, argv: [] }, /permission denied \(EACCES\)/u],
    ['a missing working directory', { cwd: '/no/such' }, /^the working directory "\/no\/such" is not there/u],
    ['a file as working directory', { cwd: '/dev/null' }, /^the working directory/u],
    ['what is nowhere in the PATH', { file: 'true', env: { PATH: '/etc:/no/such' } }, /command not found/u],
    ['an argument that is too long', { file: 'true', argv: ['x'.repeat(4_000_000)] }, /too long \(E2BIG\)/u],
    ['a name that is too long', { file: 'x'.repeat(10_000), argv: [] }, /^cannot start "x{200}…"/u],
  ])('%s', async (_, spec, message) => {
    const error = await start('', spec).end.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StartError);
    expect(error).toHaveProperty('message', expect.stringMatching(message));
  });

  test('a program is found by the PATH of its environment, or from its working directory', async () => {
    const bin = mkdtempSync(join(folder, 'bin-'));
    writeFileSync(join(bin, 'greet'), '#!/bin/sh\necho hello $1\n', { mode: 0o700 });
    writeFileSync(join(bin, 'lost'), '#!/no/such\n', { mode: 0o700 });
    writeFileSync(join(bin, 'text'), 'hello', { mode: 0o600 });
    const path = `/etc:/no/such:${bin}:${environment.PATH}`;
    const runs = [
      start('', { file: 'greet', argv: ['path'], env: { PATH: path } }),
      start('', { file: './greet', argv: ['folder'], cwd: bin }),
      start('', { file: './lost', argv: [], cwd: bin }),
    ];
    const ends = await Promise.all(runs.map(({ end }) => end));
    const denial = 'cannot start "text": permission denied (EACCES)';
    await expect(start('', { file: 'text', env: { PATH: path } }).end).rejects.toThrow(denial);
    rmSync(bin, { recursive: true });
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0, 127]);
    expect(runs.map(({ output }) => output())).toEqual([
      'hello path\n',
      'hello folder\n',
      expect.stringContaining('./lost: not found'),
    ]);
  });
});

describe('stopping', () => {
  const family = 'sh -c "sh -c \'echo child \\$\\$; sleep 1000; :\'; :" & echo leader $$; wait';

  test('a timeout ends the group, descendants included', async () => {
    const run = start(family, { timeoutMs: 2000 }, { killGraceMs: never });
    const [, child] = await run.seen(/child (\d+)/u);
    expect(await run.end).toMatchObject({ exitCode: null, signal: 'SIGTERM', stopped: 'TIMEOUT' });
    await expectDeath(Number(child));
  });

  test('an abort ends the group, descendants included', async () => {
    const run = start(family, {}, { killGraceMs: never });
    const [, child] = await run.seen(/child (\d+)/u);
    await run.seen(/leader/u);
    run.abort();
    expect(await run.end).toMatchObject({ signal: 'SIGTERM', stopped: 'CANCELLED' });
    await expectDeath(Number(child));
  });

  test('who ignores SIGTERM is killed after the grace', async () => {
    const run = start("trap '' TERM; sh -c 'echo child $$; while :; do sleep 1; done' & echo leader $$; wait; wait");
    const [, child] = await run.seen(/child (\d+)/u);
    const [, leader] = await run.seen(/leader (\d+)/u);
    run.abort();
    const end = await run.end;
    expect(end).toMatchObject({ signal: 'SIGKILL', stopped: 'CANCELLED' });
    await expectDeath(Number(child));
    await expectDeath(Number(leader));
  });

  test('a descendant that ignores SIGTERM does not outlive its leader for long', async () => {
    const ignoring = 'sh -c \'trap "" TERM; echo child $$; while :; do sleep 1; done\' & wait';
    const run = start(ignoring, {}, { killGraceMs: never });
    const [, child] = await run.seen(/child (\d+)/u);
    run.abort();
    expect(await run.end).toMatchObject({ signal: 'SIGTERM' });
    await expectDeath(Number(child));
  });

  test('a command that cleans up on SIGTERM may finish', async () => {
    const run = start(
      "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
      {},
      { killGraceMs: never },
    );
    await run.seen(/ready/u);
    run.abort();
    expect(await run.end).toMatchObject({ exitCode: 0, stopped: 'CANCELLED' });
    expect(run.output()).toContain('cleaned');
  });

  test('an abort before the start ends it at once; one after the end changes nothing', async () => {
    expect(await start('sleep 1000', { signal: AbortSignal.abort() }).end).toMatchObject({ stopped: 'CANCELLED' });
    const run = start('exit 0');
    expect(await run.end).toMatchObject({ exitCode: 0, stopped: undefined });
    run.abort();
  });
});

describe('what a command leaves behind', () => {
  const waitFor = (file: string): string => `while [ ! -e ${file} ]; do sleep 0.01; done; rm ${file}`;

  test('is killed, and does not keep it from ending', async () => {
    const run = start(`sh -c "echo child \\$\\$; touch up; exec sleep 1000" & ${waitFor('up')}; exit 0`);
    expect(await run.end).toMatchObject({ exitCode: 0, stopped: undefined });
    const [, child] = await run.seen(/child (\d+)/u);
    await expectDeath(Number(child));
  });

  test('may finish its output', async () => {
    const run = start('(sleep 0.2; echo late) &', {}, { drainMs: never });
    expect((await run.end).exitCode).toBe(0);
    expect(run.output()).toBe('late\n');
  });

  test('is killed without delay if it let go of the output', async () => {
    const run = start('sleep 1000 >/dev/null 2>&1 & echo child $!', {}, { drainMs: never });
    await run.end;
    const [, child] = await run.seen(/child (\d+)/u);
    await expectDeath(Number(child));
  });

  test('and left the group holds nobody up', async () => {
    const run = start(`setsid sh -c "echo child \\$\\$; touch up; exec sleep 1000" & ${waitFor('up')}; exit 4`);
    expect(await run.end).toMatchObject({ exitCode: 4 });
    const [, child] = await run.seen(/child (\d+)/u);
    expect(isAlive(Number(child))).toBe(true);
    process.kill(Number(child), 'SIGKILL');
  });

  test('is nothing of ours: no descriptor, no pipe file, no watcher', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const children = (): string[] =>
      readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
    await start('exit 0').end;
    await expect.poll(() => children().filter((pid) => isAlive(Number(pid))), { timeout: 10_000 }).toEqual([]);
    const before = descriptors();
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([
        start('echo x').end,
        start('sleep 1000', { timeoutMs: 1 }).end,
        start('', { file: 'no-such-program' }).end.catch(() => undefined),
        start('', { argv: ['x'.repeat(4_000_000)] }).end.catch(() => undefined),
        start('', { cwd: '/no/such' }).end.catch(() => undefined),
      ]);
    }
    await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
    await expect.poll(() => children().filter((pid) => isAlive(Number(pid))), { timeout: 10_000 }).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
