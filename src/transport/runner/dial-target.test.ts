import { expect, test } from 'vitest';
import { dialTarget } from './dial-target.ts';

test.each([
  [':50052', 'dns:///localhost:50052'],
  ['runner:50052', 'dns:///runner:50052'],
  ['dns:50052', 'dns:///dns:50052'],
  ['[::1]:50052', 'dns:///[::1]:50052'],
  ['unix:/run/runner.sock', 'unix:/run/runner.sock'],
  ['dns:///runner:50052', 'dns:///runner:50052'],
])('%s is dialled as %s', (address, target) => {
  expect(dialTarget(address)).toBe(target);
});
