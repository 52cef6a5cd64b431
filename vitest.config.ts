import { defineConfig } from 'vitest/config';
import { TallyReporter } from './scripts/tally-reporter.ts';

const LEAST_NODE = 24;
if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  throw new Error(
    `The tests run on Node ${LEAST_NODE}, not ${process.version}: use \`npm test\` or \`npm exec -- vitest\``,
  );
}

export default defineConfig({
  test: {
    environment: 'node',
    // Processes, not threads: a crash of the native SQLite module ends one file, and tests may change directory.
    pool: 'forks',
    // More than there may be cores: much of what is tested waits for processes and for time to pass.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
    reporters: ['default', new TallyReporter()],
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      { extends: true, test: { name: 'suite', include: ['tests/**/*.test.ts'] } },
    ],
  },
});
