import type { Reporter, SerializedError, TestModule } from 'vitest/node';

type Tally = { passed: number; failed: number; skipped: number };

/**
 * A Vitest reporter that ends the output with the line `N passed, M failed` (and `, K skipped`, if any were), counted
 * from the tests that ran. A file that could not be run to its end counts as one failure. A run without any test that
 * ran fails.
 */
export class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tally: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        tally[state === 'pending' ? 'failed' : state] += 1;
      }
      const brokenSuites = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
      tally.failed += brokenSuites.length;
    }
    if (tally.failed > 0 || tally.passed === 0) {
      process.exitCode = 1;
    }
    // Other reporters still have their say; the exit is the one moment after which nothing follows.
    process.once('exit', () => process.stdout.write(`${line(tally)}\n`));
  }
}

function line({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
