import { expect, test } from 'vitest';
import { Holdings } from './holdings.ts';

function holders(holdings: Holdings, names: readonly string[]) {
  const gone: string[] = [];
  const all = Object.fromEntries(
    names.map((name) => {
      const letGo = () => {
        gone.push(name);
      };
      return [name, { hold: (bytes: number) => holdings.add(letGo, bytes), release: () => holdings.release(letGo) }];
    }),
  );
  return { gone, all };
}

test('what fits stays; what does not makes those let go who have held longest', () => {
  const holdings = new Holdings(100);
  const { gone, all } = holders(holdings, ['a', 'b', 'c']);
  expect(all.a?.hold(40)).toBe(40);
  expect(all.b?.hold(30)).toBe(30);
  expect(all.a?.hold(10)).toBe(50);
  expect(all.c?.hold(20)).toBe(20);
  expect([holdings.bytes, gone]).toEqual([100, []]);
  all.c?.hold(50);
  expect([holdings.bytes, gone]).toEqual([100, ['a']]);
  all.b?.hold(45);
  expect([holdings.bytes, gone]).toEqual([70, ['a', 'b']]);
});

test('who holds less than the mean is left alone, however long it does', () => {
  const holdings = new Holdings(100);
  const { gone, all } = holders(holdings, ['small', 'a', 'b']);
  all.small?.hold(2);
  all.a?.hold(60);
  all.b?.hold(60);
  expect([holdings.bytes, gone]).toEqual([62, ['a']]);
});

test('what is released makes room, and counts once', () => {
  const holdings = new Holdings(100);
  const { gone, all } = holders(holdings, ['a', 'b']);
  all.a?.hold(90);
  all.a?.release();
  all.a?.release();
  all.b?.hold(100);
  expect([holdings.bytes, gone]).toEqual([100, []]);
});

test('one that is too large by itself has to let go as well', () => {
  const holdings = new Holdings(100);
  const { gone, all } = holders(holdings, ['a']);
  all.a?.hold(101);
  expect([holdings.bytes, gone]).toEqual([0, ['a']]);
});
