import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../domain/json.ts';
import { readProcessArgs } from './args.ts';
import { commandEnvironment, minimalEnvironment } from './environment.ts';

describe('args of builtin/process', () => {
  test('a list is a program and its arguments', () => {
    expect(readProcessArgs({ command: ['npm', 'test', ''] }).args).toEqual({
      file: 'npm',
      argv: ['test', ''],
      cwd: undefined,
      env: new Map(),
      timeoutMs: undefined,
      results: 'on_success',
    });
  });

  test('a string goes to the shell', () => {
    const args = { command: 'a && b', cwd: '/x', env: { A: '', B: 'b=c' }, timeout: '1m', results: 'never' };
    expect(readProcessArgs(args).args).toEqual({
      file: '/bin/sh',
      argv: ['-c', 'a && b'],
      cwd: '/x',
      env: new Map([
        ['A', ''],
        ['B', 'b=c'],
      ]),
      timeoutMs: 60_000,
      results: 'never',
    });
  });

  test.each<[JsonObject, (string | number)[]]>([
    [{}, ['command']],
    [{ command: '' }, ['command']],
    [{ command: [] }, ['command']],
    [{ command: [''] }, ['command']],
    [{ command: ['a', 1] }, ['command']],
    [{ command: [null, 'a'] }, ['command']],
    [{ command: ['a', 'b\0c'] }, ['command']],
    [{ command: 'a\0' }, ['command']],
    [{ command: { run: 'a' } }, ['command']],
    [{ command: null }, ['command']],
    [{ command: 'a', cwd: '' }, ['cwd']],
    [{ command: 'a', cwd: 1 }, ['cwd']],
    [{ command: 'a', env: ['A=b'] }, ['env']],
    [{ command: 'a', env: { A: 1 } }, ['env', 'A']],
    [{ command: 'a', env: { 'A=B': '1' } }, ['env', 'A=B']],
    [{ command: 'a', env: { '': '1' } }, ['env', '']],
    [{ command: 'a', env: { A: '\0' } }, ['env', 'A']],
    [{ command: 'a', timeout: 30 }, ['timeout']],
    [{ command: 'a', timeout: '30' }, ['timeout']],
    [{ command: 'a', timeout: '0s' }, ['timeout']],
    [{ command: 'a', timeout: '-1s' }, ['timeout']],
    [{ command: 'a', results: 'sometimes' }, ['results']],
    [{ command: 'a', comand: 'b' }, ['comand']],
    [{ command: 'a', constructor: 'b' }, ['constructor']],
  ])('%j is at fault', (args, path) => {
    const { args: read, faults } = readProcessArgs(args);
    expect(read).toBeUndefined();
    expect(faults.map((fault) => fault.path)).toEqual([path]);
    expect(faults[0]?.message).not.toBe('');
  });

  test('every fault is told at once', () => {
    const { faults } = readProcessArgs({ command: 1, cwd: 2, env: { a: 3, b: 4 }, timeout: 5, results: 6, more: 7 });
    expect(faults.map(({ path }) => path.join('.')).sort()).toEqual([
      'command',
      'cwd',
      'env.a',
      'env.b',
      'more',
      'results',
      'timeout',
    ]);
  });
});

describe('the environment of a command', () => {
  const task = { executionId: 'e', planId: 'p', stageId: 's', attemptIdx: 3, args: {}, assignedCheckIds: [] };

  test('has of the server only what is no secret', () => {
    expect(
      minimalEnvironment({ PATH: '/bin', HOME: '/h', TOKEN: 'secret', NODE_OPTIONS: '--x', TZ: undefined }),
    ).toEqual({ PATH: '/bin', HOME: '/h' });
    expect(minimalEnvironment({}).PATH).toContain('/usr/bin');
  });

  test('the stage adds and replaces, but does not pose as another attempt', () => {
    const own = new Map([
      ['PATH', '/own'],
      ['A', 'a'],
      ['TURBOCI_STAGE_ID', 'other'],
    ]);
    expect(commandEnvironment({ PATH: '/bin' }, own, task, 'localhost:1')).toEqual({
      PATH: '/own',
      A: 'a',
      TURBOCI_WORK_PLAN_ID: 'p',
      TURBOCI_STAGE_ID: 's',
      TURBOCI_ATTEMPT_IDX: '3',
      TURBOCI_EXECUTION_ID: 'e',
      TURBOCI_SERVER: 'localhost:1',
    });
  });
});
