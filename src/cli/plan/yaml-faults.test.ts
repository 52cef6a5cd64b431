import { expect, test } from 'vitest';
import { readPlan } from './plan-file.ts';
import { problemLine } from './problem.ts';

function problemsOf(text: string): readonly string[] {
  const reading = readPlan(text, 'p.yaml');
  return 'problems' in reading ? reading.problems.map(problemLine) : [];
}

/** Ten values, ten times each, ten times each of these, … */
const bomb = [
  'x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]',
  ...Array.from({ length: 9 }, (_, at) => `x${at + 1}: &x${at + 1} [${Array(10).fill(`*x${at}`).join(', ')}]`),
].join('\n');

test.each([
  [
    'an alias of nothing',
    'stages:\n  a: { run: *nope }\n',
    'p.yaml:2:13: there is no &nope before *nope; put the text in quotes if none is meant',
  ],
  [
    'an alias before its anchor',
    'stages:\n  a: { run: *x }\n  b: { run: &x y }\n',
    'p.yaml:2:13: there is no &x before *x; put the text in quotes if none is meant',
  ],
  ['an alias within itself', 'stages: &x\n  a: *x\n', 'p.yaml:2:6: *x stands for a value that contains it; remove it'],
  [
    'aliases that multiply',
    bomb,
    'p.yaml:6:45: with its aliases written out the file has more than 1000000 values; use fewer',
  ],
  [
    'a merge of no mapping',
    'stages:\n  a: { <<: 3 }\n',
    'p.yaml:2:12: `<<` takes over the keys of a mapping; name one, such as `<<: *base`',
  ],
  [
    'two merges',
    'x: &x {}\nstages:\n  a: { <<: *x, <<: *x }\n',
    'p.yaml:3:16: "<<" is here for the second time, after line 3; remove one of the two',
  ],
  [
    'a key that would be lost',
    'stages:\n  __proto__: { run: x }\n',
    'p.yaml:2:3: "__proto__" cannot be a key; choose another',
  ],
  [
    'a number as a key',
    'stages:\n  a: {run: x}\n  1: {run: x}\n',
    'p.yaml:3:3: the key 1 is no text in YAML; put it in quotes: "1"',
  ],
  [
    'nothing as a key',
    'stages: {a: {run: x}}\nnull: 1\n',
    'p.yaml:2:1: the key null is no text in YAML; put it in quotes: "null"',
  ],
  ['no key', 'stages: {a: {run: x}}\n: 1\n', 'p.yaml:2:1: the key is missing'],
  [
    'a list as a key',
    'stages:\n  ? [a, b]\n  : {run: x}\n',
    'p.yaml:2:5: a key is a text here, not a list, a mapping or an alias',
  ],
  ['an unknown tag', 'stages:\n  a: {run: !foo bar}\n', 'p.yaml:2:12: unknown tag: !foo; remove it'],
  [
    'half a character',
    'stages:\n  a: {run: "\\ud800"}\n',
    'p.yaml:2:12: the text is no valid Unicode: it has half of a surrogate pair',
  ],
])('%s is refused at its place', (_, text, line) => {
  expect(problemsOf(text)).toEqual([line]);
});

test('thousands of stages may share an anchor', () => {
  const stages = Array.from({ length: 2_000 }, (_, at) => `  s${at}: {run: x, env: *env}`);
  expect(problemsOf(`defaults:\n  env: &env {A: 1, B: 2}\nstages:\n${stages.join('\n')}\n`)).toEqual([]);
});

test('merges of several mappings are understood', () => {
  expect(
    problemsOf('stages:\n  a: &a {run: x}\n  b: &b {timeout: 1s}\n  c: {<<: [*a, *b]}\n  d: {<<: {run: y}}\n'),
  ).toEqual(['p.yaml:3:3: stages.b: the stage does nothing; give it `run: COMMAND`, `runner: TYPE` or `noop:`']);
});
