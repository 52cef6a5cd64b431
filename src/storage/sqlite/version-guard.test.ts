import { describe, expect, it } from 'vitest';
import { assertKnownSchema, assertSqliteVersion } from './version-guard.ts';

describe('assertSqliteVersion', () => {
  it.each(['3.51.2', '3.50.99', '3.9.0', '2.99.99', '3.51'])('refuses %s', (version) => {
    expect(() => assertSqliteVersion(version)).toThrow(expect.objectContaining({ kind: 'SQLITE_TOO_OLD' }));
  });

  it.each(['3.51.3', '3.51.10', '3.52.0', '3.100.0', '4.0.0'])('accepts %s', (version) => {
    expect(() => assertSqliteVersion(version)).not.toThrow();
  });
});

describe('assertKnownSchema', () => {
  it('accepts what is known, in part or whole', () => {
    expect(() => assertKnownSchema('x.db', [], ['1', '2'])).not.toThrow();
    expect(() => assertKnownSchema('x.db', ['1', '2'], ['1', '2'])).not.toThrow();
  });

  it('refuses a migration that is unknown and names it', () => {
    expect(() => assertKnownSchema('x.db', ['1', '2-new'], ['1'])).toThrow(
      expect.objectContaining({ kind: 'SCHEMA_TOO_NEW', message: expect.stringContaining('2-new') }),
    );
  });
});
