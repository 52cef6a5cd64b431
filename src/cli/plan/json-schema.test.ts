import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { planJsonSchema } from './json-schema.ts';

// After a change of the YAML form: node src/cli/main.ts schema > schema/turboci-plan.schema.json, and npm run format.
test('the committed JSON Schema is the one of the YAML form', async () => {
  const file = new URL('../../../schema/turboci-plan.schema.json', import.meta.url);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(planJsonSchema())));
});
