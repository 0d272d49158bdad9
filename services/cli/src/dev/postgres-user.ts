import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How Postgres is run: it refuses to be root, so root has to become somebody else first. */
export interface PostgresUser {
  /** Command and arguments that run `program` as that user. */
  command(program: string, args: readonly string[]): { readonly file: string; readonly args: readonly string[] };
  /** User and group for spawn; absent when the command itself changes them or no change is needed. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined;
  /** Folder of the binaries that this user can execute. */
  readonly binaries: string;
  /** Folder for the cluster that this user can own. */
  readonly home: string;
  /** Gives a path (with all below it) to that user. */
  own(path: string): void;
}

const asIs = (file: string, args: readonly string[]) => ({ file, args });

/**
 * Chooses how to run Postgres: plainly when not root; as root in a user namespace, where root's own files belong to
 * the mapped user; where namespaces are refused (many containers, macOS) as an ordinary account with a folder of its own.
 */
export function choosePostgresUser(native: string, home: string): PostgresUser {
  const plain: PostgresUser = {
    command: asIs,
    identity: undefined,
    binaries: join(native, 'bin'),
    home,
    own: () => undefined,
  };
  if (process.getuid?.() !== 0) return plain;
  const account = ordinaryAccount(readFileSync('/etc/passwd', 'utf8'));
  const map = ['--user', `--map-user=${account.uid}`, `--map-group=${account.gid}`, '--'];
  if (spawnSync('unshare', [...map, join(native, 'bin', 'postgres'), '--version'], { timeout: 10_000 }).status === 0) {
    return { ...plain, command: (file, args) => ({ file: 'unshare', args: [...map, file, ...args] }) };
  }
  return separateAccount(native, home, account);
}

/** An account that is not root, from the text of /etc/passwd: initdb refuses a user id without a name. */
export function ordinaryAccount(passwd: string): { readonly uid: number; readonly gid: number } {
  const accounts = passwd
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
    .map((fields) => ({ uid: Number(fields[2]), gid: Number(fields[3]) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && uid > 0 && Number.isInteger(gid) && gid >= 0);
  const found =
    accounts.find(({ uid }) => uid === 1000) ?? accounts.find(({ uid }) => uid === 65_534) ?? accounts.at(0);
  if (found === undefined) throw new Error('Postgres refuses to run as root, and /etc/passwd has no other account.');
  return found;
}

function separateAccount(native: string, home: string, identity: { uid: number; gid: number }): PostgresUser {
  const can = (program: string, args: string[]) =>
    spawnSync(program, args, { ...identity, cwd: '/', timeout: 10_000, stdio: 'ignore' }).status === 0;
  // A checkout below /root is closed to others: then binaries and cluster live in a folder of that account.
  const digest = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const aside = join(tmpdir(), `sallyport-postgres-${identity.uid}-${digest}`);
  let binaries = join(native, 'bin');
  if (!can(join(binaries, 'postgres'), ['--version'])) {
    binaries = join(aside, 'native', 'bin');
    if (!existsSync(join(binaries, 'postgres'))) {
      mkdirSync(aside, { recursive: true, mode: 0o755 });
      cpSync(native, join(aside, 'native'), { recursive: true, verbatimSymlinks: true });
    }
  }
  // The cluster in it is closed (0700) on its own; the password beside it too (0600).
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o755);
  let chosen = home;
  if (!can('/bin/ls', [home])) {
    chosen = join(aside, 'cluster');
    mkdirSync(chosen, { recursive: true });
    if (statSync(aside).uid !== process.getuid?.()) throw new Error(`${aside} belongs to somebody else.`);
  }
  const own = (path: string) => {
    chownSync(path, identity.uid, identity.gid);
    if (statSync(path).isDirectory()) for (const name of readdirSync(path)) own(join(path, name));
  };
  return { command: asIs, identity, binaries, home: chosen, own };
}
