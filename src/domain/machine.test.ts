import { describe, expect, it } from 'vitest';
import { attemptMachine } from './attempt-machine.ts';
import { checkMachine } from './check-machine.ts';
import { allows, type Machine, reachable } from './machine.ts';
import { stageMachine } from './stage-machine.ts';

describe.each<Machine<string>>([checkMachine, stageMachine, attemptMachine])('the machine of a $name', (machine) => {
  const order = (state: string) => (state === 'NEW' ? -1 : machine.states.indexOf(state));

  it('lists each transition once, and only forward but for what a runner never began', () => {
    const rows = machine.transitions.map(({ from, to, by }) => `${from} ${to} ${by}`);
    expect(new Set(rows).size).toBe(rows.length);
    const back = machine.transitions.filter(({ from, to }) => order(to) <= order(from));
    const takenBack = ['SCHEDULED', 'RUNNING'].map((from) => ({ from, to: 'PENDING', by: 'server' }));
    const expected = machine === attemptMachine ? takenBack : [];
    expect(back).toMatchObject(expected);
  });

  it('reaches every state from the beginning', () => {
    const seen = new Set<string>(['NEW']);
    for (const state of seen) {
      for (const row of machine.transitions) if (row.from === state) seen.add(row.to);
    }
    expect([...seen].sort()).toEqual(['NEW', ...machine.states].sort());
  });

  it('leaves an end state to nobody', () => {
    const ends = machine.states.filter((state) => !machine.transitions.some((row) => row.from === state));
    expect(ends).toEqual(machine === attemptMachine ? ['COMPLETE', 'INCOMPLETE'] : ['FINAL']);
    for (const end of ends)
      expect([...reachable(machine, end, 'writer'), ...reachable(machine, end, 'server')]).toEqual([]);
  });
});

it('tells writers from the server', () => {
  expect(allows(checkMachine, 'PLANNING', 'WAITING', 'writer')).toBe(false);
  expect(allows(stageMachine, 'PLANNED', 'AWAITING_GROUP', 'writer')).toBe(false);
  expect(allows(stageMachine, 'NEW', 'FINAL', 'writer')).toBe(false);
  expect(allows(stageMachine, 'NEW', 'FINAL', 'server')).toBe(true);
});
