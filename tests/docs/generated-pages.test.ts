import { expect, it } from 'vitest';
import { generatedPages, readPage } from '../../scripts/docs/pages.ts';

it.each(generatedPages())('$path says what the code does (npm run docs)', ({ path, content }) => {
  expect(readPage(path)).toBe(content);
});
