import { expect, onTestFinished, test, vi } from 'vitest';
import { machine } from './system.ts';

test('time goes on evenly when somebody sets the clock; the wall time is what the clock says', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const before = machine.now();
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(machine.now() - before).toBeLessThan(60_000);
  expect(machine.wallTime() - before).toBeGreaterThan(3_000_000);
  vi.setSystemTime(Date.now() - 7_200_000);
  expect(machine.now()).toBeGreaterThanOrEqual(before);
});
