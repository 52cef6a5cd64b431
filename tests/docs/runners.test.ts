import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startServer } from '../../src/server.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);

it('the runner by hand of docs/runners.md executes a stage', { timeout: 90_000 }, async () => {
  const page = readFileSync(new URL('docs/runners.md', root), 'utf8');
  const script = /<!-- tested: runner by hand -->\n```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? expect.fail('no example');
  const server = await startServer({ sqlitePath: ':memory:', port: 0 });
  try {
    const here = script.replaceAll('127.0.0.1:50051', server.address);
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here], { cwd: root, timeout: 80_000 });
    expect(stdout).toMatch(/"acknowledged": true/);
    expect(stdout).toMatch(/"score": 9/);
    expect(stdout).toMatch(/"message": "looking"/);
    expect(stdout).not.toContain('OUTCOME_FAILED');
  } finally {
    await server.stop();
  }
});
