import { AppError } from '../../domain/error.ts';
import { allows, type Machine, reachable } from '../../domain/machine.ts';

/** Refuses a writer's move that the machine's table does not list. The same state again is always fine. */
export function assertWriterMay<State extends string>(
  machine: Machine<State>,
  what: string,
  from: State | 'NEW',
  to: State,
): void {
  if (from === to || allows(machine, from, to, 'writer')) return;
  const offers = reachable(machine, from, 'writer');
  const remedy = offers.length === 0 ? 'it can not change any more' : `a writer may set ${offers.join(', ')}`;
  throw new AppError(
    'ILLEGAL_TRANSITION',
    `${what}: ${from} → ${to} is no transition of a ${machine.name}; ${remedy}`,
    {
      metadata: { machine: machine.name, from, to },
    },
  );
}

/** A state that a writer may only confirm, and that the server has not reached: dependencies are still open, or failed. */
export function dependenciesOpen(what: string, wanted: string, actual: string): AppError {
  return new AppError(
    'DEPENDENCIES_OPEN',
    `${what} can not be ${wanted}: its dependencies are not satisfied (it is ${actual}); the server moves it by itself`,
    { metadata: { wanted, actual } },
  );
}
