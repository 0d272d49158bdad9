import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseExact } from '@sallyport/turn/exact-number';
import { CommandError } from './arguments.ts';
import type { InstancePorts } from './dev/topology.ts';

/** What `make dev` writes down about itself, in `DATA/dev.json`. */
export interface DevFile {
  readonly endpoint: string;
  readonly key: string;
  readonly adminKey: string;
  readonly pid: number;
  readonly ports: Readonly<Record<string, InstancePorts>>;
}

/** GETs from the admin API; throws CommandError with the server's own words when it does not answer 200. */
export type AdminGet = (path: string, query?: Readonly<Record<string, string>>) => Promise<unknown>;

/** The admin API, bound to an endpoint and a key. Both throw CommandError with the server's own words on a refusal. */
export interface AdminApi {
  readonly get: AdminGet;
  readonly post: (path: string, body: unknown) => Promise<unknown>;
}

const TIMEOUT_MS = 30_000;

/** Opens the admin API of `--endpoint` with `--key`, or of the suite whose data folder is `--data`. Throws CommandError. */
export function adminClient(options: {
  endpoint?: string | undefined;
  key?: string | undefined;
  data: string;
}): AdminGet {
  return adminApi(options).get;
}

/** As `adminClient`, for commands that also change something. */
export function adminApi(options: { endpoint?: string | undefined; key?: string | undefined; data: string }): AdminApi {
  const { endpoint, key } = connectionOf(options);
  const send = async (url: URL, init: RequestInit & { headers?: Record<string, string> }) => {
    const response = await fetch(url, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${key}`, accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw new CommandError(`${endpoint} does not answer (${((error as Error).cause as Error)?.message ?? error})`, 1);
    });
    const text = await response.text();
    if (response.status !== 200) throw new CommandError(`${response.status} ${reasonIn(text)}`, 1);
    // A person approves exactly the number that is shown, and decisions are tried again on what was decided.
    return parseExact(text);
  };
  const urlOf = (path: string) => new URL(`${endpoint.replace(/\/+$/, '')}/admin/v1/${path}`);
  return {
    get(path, query = {}) {
      const url = urlOf(path);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return send(url, {});
    },
    post: (path, body) =>
      send(urlOf(path), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
}

function connectionOf(options: { endpoint?: string | undefined; key?: string | undefined; data: string }) {
  if (options.endpoint !== undefined && options.key !== undefined) {
    return { endpoint: options.endpoint, key: options.key };
  }
  // The admin key of the suite on this machine is for that suite: it never goes to another address.
  if (options.endpoint !== undefined) throw new CommandError('--endpoint needs the --key that is for it');
  const file = join(options.data, 'dev.json');
  let dev: DevFile;
  try {
    dev = JSON.parse(readFileSync(file, 'utf8')) as DevFile;
  } catch {
    throw new CommandError(`${file} is not there: start make dev, or give --endpoint and --key`, 1);
  }
  return { endpoint: dev.endpoint, key: options.key ?? dev.adminKey };
}

function reasonIn(body: string): string {
  try {
    const { error, detail, title } = JSON.parse(body) as Record<string, unknown>;
    const said = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : undefined;
    return String(said ?? detail ?? title ?? body);
  } catch {
    return body.slice(0, 300);
  }
}
