import { expect, test } from 'vitest';
import type { Write } from './batch.ts';
import type { History, StoredNode } from './history.ts';
import { Ledger } from './ledger.ts';

const PLANNED = 20;
const FINAL = 40;

const write: Write = { tag: 'w#1', planId: 'p', nodes: {}, keys: ['check:a', 'check:b'] };
const node = { state: PLANNED, version: 2, revision: 7 };
const stored: History = {
  plans: new Set(['p']),
  writes: new Map([
    [
      'w#1',
      {
        planId: 'p',
        revisions: new Set([7]),
        states: new Map([
          ['check:a', 20],
          ['check:b', 20],
        ]),
      },
    ],
  ]),
  requests: new Map([['w#1', 7]]),
  nodes: new Map([
    ['p/check:a', node],
    ['p/check:b', node],
  ]),
  finals: new Map(),
};

function ledger(isAnswered: boolean, state = PLANNED): Ledger {
  const known = new Ledger();
  known.planCreated('p');
  known.sent(write);
  if (isAnswered)
    known.acknowledged(write, { revision: 7, nodes: [{ key: 'check:a', state, version: 2, revision: 7 }] });
  return known;
}

function withWrite(change: Partial<{ revisions: Set<number>; states: Map<string, number> }>): History {
  const whole = {
    planId: 'p',
    revisions: new Set([7]),
    states: new Map([
      ['check:a', 20],
      ['check:b', 20],
    ]),
  };
  return { ...stored, writes: new Map([['w#1', { ...whole, ...change }]]) };
}

function withNode(change: Partial<StoredNode>): History {
  return {
    ...stored,
    nodes: new Map([
      ['p/check:a', { ...node, ...change }],
      ['p/check:b', node],
    ]),
  };
}

test('a database that is as the clients know it, or further, is accepted', () => {
  expect(ledger(true).contradictions(stored)).toEqual([]);
  expect(ledger(true).contradictions(withNode({ state: FINAL, version: 3, revision: 9 }))).toEqual([]);
  expect(ledger(false).contradictions(stored)).toEqual([]);
  expect(ledger(false).contradictions({ ...stored, writes: new Map(), requests: new Map(), nodes: new Map() })).toEqual(
    [],
  );
});

test.for<[string, History, RegExp]>([
  ['a lost plan', { ...stored, plans: new Set() }, /plan p is lost/],
  ['a lost write', { ...stored, writes: new Map() }, /w#1 is lost/],
  ['half a write', withWrite({ states: new Map([['check:a', 20]]) }), /without check:b/],
  ['a write in two revisions', withWrite({ revisions: new Set([7, 8]) }), /in revisions 7, 8/],
  ['a write in another revision', withWrite({ revisions: new Set([8]) }), /not in revision 7/],
  [
    'a write that nobody sent',
    {
      ...stored,
      writes: new Map([...stored.writes, ['x#1', { planId: 'p', revisions: new Set([8]), states: new Map() }]]),
    },
    /nobody sent/,
  ],
  ['a write without its request_id', { ...stored, requests: new Map() }, /remembered for revision undefined/],
  ['a request_id of another revision', { ...stored, requests: new Map([['w#1', 6]]) }, /remembered for revision 6/],
  ['a request_id without its write', { ...stored, writes: new Map() }, /remembered without its write/],
  ['a lost node', { ...stored, nodes: new Map() }, /check:a, acknowledged with w#1, is lost/],
  ['a node set back', withNode({ version: 1 }), /stored is/],
  ['a node changed without a version', withNode({ state: FINAL }), /stored is/],
  [
    'another state stored with the write',
    withWrite({
      states: new Map([
        ['check:a', 30],
        ['check:b', 20],
      ]),
    }),
    /stored is/,
  ],
])('%s is noticed', ([, history, expected]) => {
  expect(ledger(true).contradictions(history).join('\n')).toMatch(expected);
});

test('FINAL that moves on is noticed, and so is a change of anything that belongs to it', () => {
  expect(ledger(true, FINAL).contradictions(withNode({ state: FINAL, version: 3, revision: 8 }))).not.toEqual([]);
  const known = ledger(false);
  expect(known.contradictions({ ...stored, finals: new Map([['p/check:c', 'x']]) })).toEqual([]);
  expect(known.contradictions({ ...stored, finals: new Map([['p/check:c', 'y']]) })).toHaveLength(1);
});
