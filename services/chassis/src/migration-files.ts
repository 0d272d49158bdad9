import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step of a schema. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file in hex: what was applied must not be edited afterwards. */
  readonly checksum: string;
}

/** What the database says was applied. */
export interface AppliedMigration {
  readonly version: number;
  readonly checksum: string;
}

/** Reads `NNNN_name.sql` files in order. Throws when the numbers do not run from 0001 without gaps. */
export function readMigrations(dir: string): Migration[] {
  const files = readdirSync(dir)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  return files.map((file, index) => {
    const version = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(file)?.[1] ?? Number.NaN);
    if (version !== index + 1) {
      throw new Error(`${file}: migrations are numbered from 0001 without gaps, this one should be ${index + 1}`);
    }
    const sql = readFileSync(join(dir, file), 'utf8');
    return { version, name: file, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

/** The migrations still to run. Throws when one that ran was edited since. A newer database than we know is fine. */
export function pendingMigrations(files: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  const checksums = new Map(applied.map(({ version, checksum }) => [version, checksum]));
  for (const { version, name, checksum } of files) {
    const ran = checksums.get(version);
    if (ran !== undefined && ran !== checksum) throw new Error(`${name} was changed after it had been applied`);
  }
  return files.filter(({ version }) => !checksums.has(version));
}
