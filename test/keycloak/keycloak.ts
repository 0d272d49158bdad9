import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** The release that is tested against. */
export const KEYCLOAK_VERSION = '26.7.3';

const READY_MS = 300_000;
const STOP_MS = 20_000;
const ADMIN = { user: 'warden', password: 'warden-for-one-test' } as const;

/** A Keycloak of its own on loopback, with one realm. */
export interface Keycloak {
  readonly origin: string;
  /** `iss` of the realm's tokens. */
  readonly issuer: string;
  /** Posts a form to the realm's token endpoint. */
  token(form: Readonly<Record<string, string>>): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Fills in the page of an authorization request; gives where the browser is sent back to. */
  signIn(url: string, username: string, password: string): Promise<string>;
  /** Calls the admin API under the realm; the parsed answer, undefined where it is empty. */
  admin<T>(method: string, path: string, body?: unknown): Promise<T>;
  close(): Promise<void>;
}

/** Why no Keycloak can be had here, or undefined where it can: it needs Java, and Maven or an archive that Maven fetched before. */
export function keycloakMissing(): string | undefined {
  if (!runs('java', '-version')) return 'there is no java';
  if (!existsSync(archivePath()) && !runs('mvn', '--version')) return 'there is neither mvn nor a fetched archive';
  return undefined;
}

/** Starts a Keycloak with a realm in the form of its own exports. Fetches and builds it where it was never run here. */
export async function startKeycloak(
  realm: { readonly realm: string } & Readonly<Record<string, unknown>>,
): Promise<Keycloak> {
  const home = installed();
  const data = mkdtempSync(join(tmpdir(), 'sallyport-keycloak-data-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const imports = join(home, 'data', 'import');
  mkdirSync(imports, { recursive: true });
  const file = join(imports, `${realm.realm}.json`);
  writeFileSync(file, JSON.stringify({ enabled: true, sslRequired: 'none', ...realm }));
  const log = createWriteStream(join(data, 'log'));
  const child = spawn(
    join(home, 'bin', 'kc.sh'),
    [
      'start-dev',
      '--import-realm',
      '--http-host=127.0.0.1',
      `--http-port=${port}`,
      `--http-management-port=${await freePort()}`,
      '--db=dev-mem',
      '--cache=local',
    ],
    {
      env: {
        PATH: process.env.PATH,
        HOME: data,
        KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN.user,
        KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
        JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // The script starts a JVM: both end by the group.
      detached: true,
    },
  );
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  const close = async () => {
    await ended(child);
    for (const one of [data, file]) rmSync(one, { recursive: true, force: true });
  };
  const issuer = `${origin}/realms/${realm.realm}`;
  try {
    await ready(`${issuer}/.well-known/openid-configuration`, child);
  } catch (error) {
    const said = readFileSync(join(data, 'log'), 'utf8').slice(-4_000);
    await close();
    throw new Error(`keycloak does not start: ${said}`, { cause: error });
  }
  const adminToken = async () => {
    const { body } = await form(`${origin}/realms/master/protocol/openid-connect/token`, {
      grant_type: 'password',
      client_id: 'admin-cli',
      username: ADMIN.user,
      password: ADMIN.password,
    });
    return String(body.access_token);
  };
  return {
    origin,
    issuer,
    token: (fields) => form(`${issuer}/protocol/openid-connect/token`, fields),
    async signIn(url, username, password) {
      const page = await fetch(url, { redirect: 'manual' });
      const markup = await page.text();
      const action = /<form[^>]*\baction="([^"]+)"/.exec(markup)?.[1]?.replaceAll('&amp;', '&');
      if (action === undefined) throw new Error(`no form at ${url}: ${page.status} ${markup.slice(0, 1_000)}`);
      const cookie = page.headers.getSetCookie().map((line) => line.split(';')[0]);
      const answer = await fetch(action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: cookie.join('; ') },
        body: new URLSearchParams({ username, password }),
      });
      const back = answer.headers.get('location');
      if (back === null) throw new Error(`not signed in: ${answer.status} ${(await answer.text()).slice(0, 1_000)}`);
      return back;
    },
    async admin<T>(method: string, path: string, body?: unknown) {
      const answer = await fetch(`${origin}/admin/realms/${realm.realm}/${path}`, {
        method,
        headers: { authorization: `Bearer ${await adminToken()}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    close,
  };
}

function archivePath(): string {
  const name = 'keycloak-quarkus-dist';
  const folder = join(homedir(), '.m2', 'repository', 'org', 'keycloak', name, KEYCLOAK_VERSION);
  return join(folder, `${name}-${KEYCLOAK_VERSION}.tar.gz`);
}

function installed(): string {
  const home = join(tmpdir(), `sallyport-keycloak-${KEYCLOAK_VERSION}`);
  if (existsSync(home)) return home;
  if (!existsSync(archivePath())) {
    const artifact = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK_VERSION}:tar.gz`;
    execFileSync('mvn', ['-q', 'dependency:get', `-Dartifact=${artifact}`, '-Dtransitive=false'], { timeout: 300_000 });
  }
  // Unpacked aside and renamed, so that an interrupted one is never taken for whole.
  const aside = mkdtempSync(join(tmpdir(), 'sallyport-keycloak-unpack-'));
  execFileSync('tar', ['xzf', archivePath(), '-C', aside, '--strip-components=1'], { timeout: 120_000 });
  renameSync(aside, home);
  return home;
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const end = Date.now() + READY_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`keycloak ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await pause(500);
  }
  throw new Error(`keycloak was not ready after ${READY_MS} ms`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await Promise.race([exit, pause(STOP_MS, undefined, { ref: false })]);
  if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
}

async function form(url: string, fields: Readonly<Record<string, string>>) {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

function runs(command: string, argument: string): boolean {
  try {
    execFileSync(command, [argument], { stdio: 'ignore', timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
