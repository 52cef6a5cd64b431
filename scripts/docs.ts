/** Writes the pages that are made from the code: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { generatedPages } from './docs/pages.ts';

for (const { path, content } of generatedPages()) {
  writeFileSync(new URL(`../${path}`, import.meta.url), content);
  console.log(path);
}
