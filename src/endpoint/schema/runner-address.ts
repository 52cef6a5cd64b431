import { z } from 'zod';
import { addressFault } from '../../domain/address.ts';
import { fault } from './fault.ts';

const FORMS = 'HOST:PORT, :PORT, [IPV6]:PORT, unix:/PATH, dns:///HOST:PORT, or nothing for a runner that only pulls';

/** Where a runner's StageRunner service is served, as gRPC programs write it; empty = nowhere. */
export const runnerAddress = z.string().check((checked) => {
  const wrong = checked.value === '' ? undefined : addressFault(checked.value, FORMS);
  if (wrong !== undefined) fault(checked, wrong);
});
