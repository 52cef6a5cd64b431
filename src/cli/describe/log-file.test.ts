import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { logLines } from './log-file.ts';

async function linesOf(path: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of logLines(path)) lines.push(line);
  return lines;
}

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'turboci-log-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('the lines of a log, without what moves the cursor', async () => {
  const path = join(await scratch(), '1.log');
  await writeFile(path, 'one\n\u001b[31mt\u0007wo\u001b[2J\n\nlast');
  expect(await linesOf(path)).toEqual(['one', 't wo', '', 'last']);
});

test('whatever is no regular file is not opened, so that nothing is waited for', async () => {
  const folder = await scratch();
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const elsewhere = 'it is on the machine where the attempt was executed';
  for (const path of [join(folder, 'pipe'), folder, '/dev/zero', 'package.json', 'https://ci.example/1.log']) {
    expect(await linesOf(path)).toEqual([`not readable here (no file): ${elsewhere}`]);
  }
  expect(await linesOf(join(folder, 'gone'))).toEqual([`not readable here (ENOENT): ${elsewhere}`]);
});
