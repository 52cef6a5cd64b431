import { expect, test } from 'vitest';
import { AnswerOrOutput } from './answer-or-output.ts';

function told(maxAnswerBytes: number, ...chunks: readonly string[]) {
  let output = '';
  const stdout = new AnswerOrOutput(maxAnswerBytes, (chunk) => {
    output += chunk.toString('utf8');
  });
  const taken = chunks.map((chunk) => stdout.add(Buffer.from(chunk)));
  return { answer: stdout.answer, output, taken };
}

test.each([
  ['nothing', [], '', ''],
  ['blanks', [' \n', '\t\r\n'], '', ''],
  ['an answer', ['{"a":', '1}\n'], '{"a":1}\n', ''],
  ['an answer behind blanks', ['\n', ' \t{', '}'], ' \t{}', ''],
  ['output', ['cc -c', ' a.c\n{}\n'], '', 'cc -c a.c\n{}\n'],
  ['output behind blanks', ['\n', '\n[1]\n'], '', '\n[1]\n'],
])('%s', (_, chunks, answer, output) => {
  expect(told(100, ...chunks)).toMatchObject({ answer, output });
});

test('an answer may be only so long, output as long as it likes', () => {
  expect(told(4, '{', '{{{', '{')).toEqual({ answer: undefined, output: '', taken: [true, true, false] });
  expect(told(4, 'long', ' output')).toEqual({ answer: '', output: 'long output', taken: [true, true] });
});
