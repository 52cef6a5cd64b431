/** Why a request is refused: the classes of section 10. */
export type Refused =
  | 'NOT_FOUND'
  | 'INVALID_ARGUMENT'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED';

export class Refusal extends Error {
  readonly code: Refused;

  constructor(code: Refused, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

export function refuse(code: Refused, message: string): never {
  throw new Refusal(code, message);
}

export function precondition(holds: boolean, message: string): asserts holds {
  if (!holds) refuse('FAILED_PRECONDITION', message);
}
