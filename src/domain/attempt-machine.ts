import { type AttemptState, attemptStates } from './attempt.ts';
import type { Machine } from './machine.ts';

/** The life of an attempt (semantics, sections 4 and 9). */
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
    { from: 'PENDING', to: 'SCHEDULED', by: 'server', when: 'a runner accepted it' },
    { from: 'PENDING', to: 'RUNNING', by: 'server', when: 'a builtin executor starts, or a runner has it' },
    { from: 'PENDING', to: 'COMPLETE', by: 'server', when: 'its runner answered' },
    { from: 'PENDING', to: 'INCOMPLETE', by: 'server', when: 'its runner failed, cancelled, timeout, server restart' },
    { from: 'SCHEDULED', to: 'RUNNING', by: 'server', when: "its runner's first update" },
    { from: 'SCHEDULED', to: 'COMPLETE', by: 'server', when: 'its runner answered' },
    { from: 'SCHEDULED', to: 'INCOMPLETE', by: 'server', when: 'its runner failed or fell silent, cancelled, timeout' },
    { from: 'RUNNING', to: 'COMPLETE', by: 'server', when: 'its executor answered' },
    { from: 'RUNNING', to: 'INCOMPLETE', by: 'server', when: 'failed, silent, cancelled, timeout, server restart' },
    { from: 'SCHEDULED', to: 'PENDING', by: 'server', when: 'its runner has begun nothing' },
    { from: 'RUNNING', to: 'PENDING', by: 'server', when: 'its runner has begun nothing' },
  ],
};
