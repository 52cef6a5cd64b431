/** Who makes a transition: a writer (client or executor) or the server itself. */
export type Actor = 'writer' | 'server';

/** One row of a transition table. `NEW` = the node does not exist yet. */
export type Transition<State extends string> = {
  readonly from: State | 'NEW';
  readonly to: State;
  readonly by: Actor;
  /** The condition in the reader's words; shown in the state diagrams. */
  readonly when: string;
};

/** A state machine as data: what its table does not list is refused. */
export type Machine<State extends string> = {
  readonly name: string;
  readonly states: readonly State[];
  readonly transitions: readonly Transition<State>[];
};

/** Whether the table lists the transition. */
export function allows<State extends string>(
  machine: Machine<State>,
  from: State | 'NEW',
  to: State,
  by: Actor,
): boolean {
  return machine.transitions.some((row) => row.from === from && row.to === to && row.by === by);
}

/** The states that the table lets an actor reach in one step: what an error message offers instead. */
export function reachable<State extends string>(machine: Machine<State>, from: State | 'NEW', by: Actor): State[] {
  return machine.transitions.filter((row) => row.from === from && row.by === by).map((row) => row.to);
}
