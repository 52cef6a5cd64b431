import type { Command } from './commands.ts';
import type { AttemptWrite, StageWrite, WriteNodes } from './reference/requests.ts';

/**
 * Whether a command asks for one thing alone. Only then is it clear for what it was refused: of several things the law
 * does not say which one is judged first.
 */
export function asksOneThing(command: Command): boolean {
  switch (command.do) {
    case 'write':
      return thingsIn(command.request) === 1;
    case 'complete':
      return command.answer.checkUpdates.length < 2;
    default:
      return true;
  }
}

function thingsIn({ checks, stages, attempt, expectedPlanVersion }: WriteNodes): number {
  const ofChecks = checks.map(({ id, ...things }) => given(things));
  const own = given({ attempt, expectedPlanVersion });
  return [...ofChecks, ...stages.map(thingsInStage)].reduce((sum, things) => sum + Math.max(1, things), own);
}

/** All that is fixed at the creation is one thing. */
function thingsInStage({ state, failure, currentAttempt, expectedVersion, continuationGroup, ...rest }: StageWrite) {
  const { id, cancel, ...definition } = rest;
  const ofAttempt = currentAttempt === undefined ? 0 : thingsInAttempt(currentAttempt);
  const ofStage = given({ end: state ?? failure, expectedVersion, continuationGroup, cancel });
  return ofStage + ofAttempt + Math.min(1, given(definition));
}

/** A claim is one thing, and so is an end with its failure. */
function thingsInAttempt({ state, failure, processUid, ...rest }: AttemptWrite): number {
  const isClaim = processUid !== '' && (state === undefined || state === 'RUNNING');
  return given({ ...rest, end: isClaim ? failure : (state ?? failure), processUid });
}

function given(things: object): number {
  return Object.values(things).filter((value) => !isUnset(value)).length;
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}
