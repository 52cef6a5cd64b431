import { markdownOf } from './report.ts';
import type { Results } from './results.ts';

const BEGIN = '<!-- benchmarks: generated -->';
const END = '<!-- benchmarks: end -->';

/** A page with these results between its two marks, in place of what stood there. Throws if it has no such marks. */
export function publishedIn(page: string, results: Results): string {
  const [before, rest, ...others] = page.split(BEGIN);
  const [, after, ...ends] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined || others.length + ends.length > 0) {
    throw new Error(`the page needs ${BEGIN} and after it ${END}, each once`);
  }
  return `${before}${BEGIN}\n${markdownOf(results)}\n${END}${after}`;
}
