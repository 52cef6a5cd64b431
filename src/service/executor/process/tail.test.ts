import { describe, expect, test } from 'vitest';
import { plainText } from './plain-text.ts';
import { Tail } from './tail.ts';

describe('plainText', () => {
  test.each([
    ['plain\ttext\n', 'plain\ttext\n'],
    ['\x1b[1;31mred\x1b[0m', 'red'],
    ['\x1b]0;title\x07shown', 'shown'],
    ['\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['10%\r50%\r100%\r\nnext\r\n', '100%\nnext\n'],
    ['bell\x07 back\x08space \x7f\u009b31m\x00end\x1b', 'bell backspace end'],
    ['right \u202eto left\u202c', 'right to left'],
    ['ünï 😀', 'ünï 😀'],
  ])('%j shows %j', (output, text) => {
    expect(plainText(Buffer.from(output))).toBe(text);
  });

  test('bytes that are no UTF-8 are replaced, and the text is well formed', () => {
    const text = plainText(Buffer.from([0x61, 0xff, 0xed, 0xa0, 0x80, 0xc3, 0x0a, 0xf0, 0x9f]));
    expect(text).toMatch(/^a\uFFFD+\n\uFFFD+$/u);
    expect(text.isWellFormed()).toBe(true);
  });

  test('every byte value passes, and none leaves a control character', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      expect(plainText(Buffer.from([0x61, byte, 0x62]))).not.toMatch(/[^\P{Cc}\t\n]/u);
    }
  });

  test('hostile escape sequences take no time', () => {
    const startedAt = performance.now();
    for (const part of ['\x1b[', '\x1b]', '\x1b[;;;', '\x1b]8;', '\r', '\x9b'])
      plainText(Buffer.from(part.repeat(4096)));
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe('Tail', () => {
  function tailOf(maxBytes: number, ...chunks: readonly string[]): Tail {
    const tail = new Tail(maxBytes);
    for (const chunk of chunks) tail.append(Buffer.from(chunk));
    return tail;
  }

  test.each([
    [10, [], ''],
    [10, ['a\n', 'b\n'], 'a\nb'],
    [10, ['a\n', 'b'], 'a\nb'],
    [10, ['12345', '67890'], '1234567890'],
    [10, ['line one\n', 'two\n', 'three\n'], 'two\nthree'],
    [10, ['xxxxxxxxxxxxxxxxxxxxxxxx\nabc\ndef\n'], 'abc\ndef'],
    [10, ['0123456789abcdef'], '6789abcdef'],
    [10, ['0123456789abcdef\n'], '789abcdef'],
    [4, ['aß', 'ßß'], 'ßß'],
  ])('of %d bytes over %j is %j', (maxBytes, chunks, text) => {
    expect(tailOf(maxBytes, ...chunks).text()).toBe(text);
  });

  test('gives finished lines once and keeps the unfinished one', () => {
    const tail = tailOf(100, 'one\ntwo\nthr');
    expect(tail.takeLines()).toBe('one\ntwo');
    expect(tail.takeLines()).toBeUndefined();
    tail.append(Buffer.from('ee\n'));
    expect(tail.takeLines()).toBe('three');
    expect(tail.text()).toBe('');
  });

  test('is the same however the output is cut into chunks', () => {
    const output = Array.from({ length: 500 }, (_, n) => `line ${n} ${'é'.repeat(n % 7)}\n`).join('');
    const whole = tailOf(300, output).text();
    for (const size of [1, 2, 3, 7, 64, 299, 300, 301, 4000]) {
      const bytes = Buffer.from(output);
      const tail = new Tail(300);
      for (let at = 0; at < bytes.length; at += size) tail.append(bytes.subarray(at, at + size));
      expect(tail.text()).toBe(whole);
    }
  });
});
