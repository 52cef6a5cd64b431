import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publishedIn } from './published.ts';
import { jsonOf, readResults } from './results.ts';
import { UsageError } from './usage-error.ts';

/*
 * node bench/publish.ts FILE
 *
 * Makes a run the reference run: keeps what `npm run bench -- --json` printed into FILE as bench/reference.json, and
 * shows it in docs/benchmarks.md.
 */
const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const reference = fileURLToPath(new URL('reference.json', import.meta.url));

try {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new UsageError('which file? node bench/publish.ts FILE');
  const results = readResults(file);
  const text = publishedIn(readFileSync(page, 'utf8'), results);
  writeFileSync(reference, `${jsonOf(results)}\n`);
  writeFileSync(page, text);
} catch (error) {
  console.error(error instanceof UsageError ? `publish: ${error.message}` : error);
  process.exitCode = 1;
}
