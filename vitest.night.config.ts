import { defineConfig } from 'vitest/config';
import { TallyReporter } from './scripts/tally-reporter.ts';

/** `npm run test:night`: the suites whose size grows with the time that is given to them (tests/support/effort.ts). */
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    env: { NIGHT: '1' },
    reporters: ['default', new TallyReporter()],
    include: ['tests/{model,oracle,fault,watch,abuse,canaries}/**/*.test.ts'],
  },
});
