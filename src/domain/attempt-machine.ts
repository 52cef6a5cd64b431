import { type AttemptState, attemptStates } from './attempt.ts';
import type { Machine } from './machine.ts';

/** The life of an attempt (semantics, section 4). */
export const attemptMachine: Machine<AttemptState> = {
  name: 'Attempt',
  states: attemptStates,
  transitions: [
    { from: 'NEW', to: 'PENDING', by: 'server', when: 'stage is ATTEMPTING, or a retry is due' },
    { from: 'PENDING', to: 'SCHEDULED', by: 'writer', when: 'accepted by an executor' },
    { from: 'PENDING', to: 'RUNNING', by: 'writer', when: 'claimed with a process_uid' },
    { from: 'PENDING', to: 'COMPLETE', by: 'writer', when: 'written' },
    { from: 'PENDING', to: 'INCOMPLETE', by: 'writer', when: 'written, or a failure' },
    { from: 'SCHEDULED', to: 'RUNNING', by: 'writer', when: 'claimed with a process_uid' },
    { from: 'SCHEDULED', to: 'COMPLETE', by: 'writer', when: 'written' },
    { from: 'SCHEDULED', to: 'INCOMPLETE', by: 'writer', when: 'written, or a failure' },
    { from: 'RUNNING', to: 'COMPLETE', by: 'writer', when: 'written' },
    { from: 'RUNNING', to: 'INCOMPLETE', by: 'writer', when: 'written, or a failure' },
    { from: 'PENDING', to: 'RUNNING', by: 'server', when: 'a builtin executor starts' },
    { from: 'PENDING', to: 'INCOMPLETE', by: 'server', when: 'cancelled, timeout' },
    { from: 'SCHEDULED', to: 'INCOMPLETE', by: 'server', when: 'cancelled, timeout, server restart' },
    { from: 'RUNNING', to: 'COMPLETE', by: 'server', when: 'its executor answered' },
    { from: 'RUNNING', to: 'INCOMPLETE', by: 'server', when: 'failed, cancelled, timeout, server restart' },
  ],
};
