import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { schemaOf } from './migrate.ts';
import { pendingMigrations, readMigrations } from './migration-files.ts';
import { databaseError } from './postgres.ts';
import { scramVerifier } from './scram.ts';

function folder(...names: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'migrations-'));
  for (const name of names) writeFileSync(join(dir, name), `-- ${name}`);
  return dir;
}

describe('migrations', () => {
  it('are read in order', () => {
    const files = readMigrations(folder('0002_b.sql', '0001_a.sql', 'notes.md'));
    expect(files.map(({ version, name }) => [version, name])).toEqual([
      [1, '0001_a.sql'],
      [2, '0002_b.sql'],
    ]);
  });

  it.each([
    [['0002_a.sql']],
    [['0001_a.sql', '0003_c.sql']],
    [['0001_a.sql', '0001_b.sql']],
    [['1_a.sql']],
    [['0001_A.sql']],
  ])('numbered %j are refused', (names) => expect(() => readMigrations(folder(...names))).toThrow('numbered'));

  it('run once, and never after they were edited', () => {
    const files = readMigrations(folder('0001_a.sql', '0002_b.sql'));
    const applied = files.slice(0, 1);
    expect(pendingMigrations(files, applied)).toEqual(files.slice(1));
    expect(() => pendingMigrations(files, [{ version: 1, checksum: 'other' }])).toThrow('0001_a.sql was changed');
    expect(pendingMigrations(files, [...files, { version: 3, checksum: 'from a newer release' }])).toEqual([]);
  });

  it('name schema and role after the service', () => {
    expect(schemaOf('mcp-broker')).toBe('sallyport_mcp_broker');
    expect(() => schemaOf('x"; drop')).toThrow();
  });
});

describe('scramVerifier', () => {
  it('is what Postgres computes (RFC 7677, test vector of §3)', () => {
    const verifier = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
    expect(verifier).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  it('refuses what SASLprep would change', () => expect(() => scramVerifier('pässword')).toThrow());
});

describe('databaseError', () => {
  const sqlState = (code: string) => Object.assign(new Error('from the server'), { code });
  it.each([
    [sqlState('57014'), 'deadline_exceeded'],
    [sqlState('22021'), 'invalid_request'],
    [sqlState('55P03'), 'deadline_exceeded'],
    [new Error('Query read timeout'), 'deadline_exceeded'],
    [sqlState('ECONNREFUSED'), 'unavailable'],
    [sqlState('57P01'), 'unavailable'],
    [sqlState('53300'), 'unavailable'],
    [new Error('timeout exceeded when trying to connect'), 'unavailable'],
    [sqlState('23505'), '23505'],
  ])('%s means %s', (caught, code) => expect(databaseError(caught)).toMatchObject({ code }));
});
