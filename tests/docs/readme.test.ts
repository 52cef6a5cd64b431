import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startServer } from '../../src/server.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);

/** The shell example of the README behind this mark, talking to another address. */
function example(mark: string, address: string): string {
  const readme = readFileSync(new URL('README.md', root), 'utf8');
  const block = new RegExp(`<!-- tested: ${mark} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (block === undefined) throw new Error(`the README has no example "${mark}"`);
  expect(block).toContain('127.0.0.1:50051');
  return block.replaceAll('127.0.0.1:50051', address);
}

async function withServer(use: (address: string) => Promise<void>): Promise<void> {
  const server = await startServer({ sqlitePath: ':memory:', port: 0 });
  try {
    await use(server.address);
  } finally {
    await server.stop();
  }
}

describe('the examples of the README', () => {
  it('with buf curl: list, create, write, watch to the end, query', async () => {
    await withServer(async (address) => {
      const script = example('buf curl', address);
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: root, timeout: 60_000 });
      expect(stdout).toContain('turboci.v1.TurboCIOrchestrator/WatchWorkPlan');
      expect(stdout).toContain('"completedEvent"');
      expect(stdout).toMatch(/"id": "tests-pass",\s+"workPlanId": "[^"]+",\s+"state": "CHECK_STATE_FINAL"/);
      expect(stdout).not.toContain('OUTCOME_FAILED');
    });
  });

  const hasGrpcurl = spawnSync('grpcurl', ['--version']).status === 0;
  it.skipIf(!hasGrpcurl)('with grpcurl, where it is installed', async () => {
    await withServer(async (address) => {
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', example('grpcurl', address)], {
        timeout: 60_000,
      });
      expect(stdout).toContain('turboci.v1.TurboCIOrchestrator');
      expect(stdout).toContain('"state": "WORK_PLAN_STATE_ACTIVE"');
      expect(stdout).toContain('"status": "SERVING"');
    });
  });

  it('name exactly the two commands that a newcomer types', () => {
    const readme = readFileSync(new URL('README.md', root), 'utf8');
    const block = /## Two commands[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const commands = block
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s*#.*/, ''));
    expect(commands).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
  });

  it('list the exit statuses that the process ends with', () => {
    const readme = readFileSync(new URL('README.md', root), 'utf8');
    const main = readFileSync(new URL('src/main.ts', root), 'utf8');
    const inCode = [...main.matchAll(/^ {2}\w+: (\d+),$/gm)].map(([, status]) => Number(status));
    const inTable = [...readme.matchAll(/^\| (\d+) \|/gm)].map(([, status]) => Number(status));
    expect(inTable).toEqual(inCode.toSorted((a, b) => a - b));
  });
});
