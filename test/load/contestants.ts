import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expanded } from '@sallyport/cli/dev/resources';
import { type Suite, startSuite } from '@sallyport/cli/dev/suite';
import { liteLlmMissing, startLiteLlm as startProxy } from '../support/litellm.ts';
import { BOTH_PLANES } from '../support/planes.ts';
import { end, type Started } from './processes.ts';

/** Something that answers chat completions, and the processes whose CPU it costs. */
export interface Contestant {
  readonly name: string;
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Process ids by group; the cost of a request is the sum of all but `postgres`. */
  groups(): Readonly<Record<string, readonly number[]>>;
  /** Milliseconds after the last answer in which work is still done for it. */
  readonly settleMs: number;
}

/** A contestant of one process. */
export function single(name: string, started: Started, headers: Record<string, string> = {}): Contestant {
  return {
    name,
    origin: started.origin,
    headers: { 'content-type': 'application/json', ...headers },
    groups: () => ({ [name]: [started.pid] }),
    settleMs: 0,
  };
}

/** The running suite as a contestant. */
export interface SallyportUnderLoad extends Contestant {
  readonly suite: Suite;
  pidOf(service: string): number;
  stop(): Promise<void>;
}

/**
 * Starts the whole suite with the resources of this folder: authentication, access, limits, credentials, records, metrics
 * and mTLS are on, and tracing of one request in a hundred. Requests go to model-proxy's own port. `further` are files of
 * resources beside them, by name.
 */
export async function startSallyport(
  mock: string,
  further: Readonly<Record<string, string>> = {},
): Promise<SallyportUnderLoad> {
  const data = mkdtempSync(join(tmpdir(), 'sallyport-load-'));
  const resources = join(data, 'bench-resources');
  const from = fileURLToPath(new URL('./resources/', import.meta.url));
  mkdirSync(resources);
  const files = Object.fromEntries(readdirSync(from).map((file) => [file, readFileSync(join(from, file), 'utf8')]));
  for (const [file, text] of Object.entries({ ...files, ...further })) {
    writeFileSync(join(resources, file), expanded(text, { 'mock.url': mock }), { mode: 0o600 });
  }
  const tracing = { tracing: { endpoint: `${mock}/v1/traces`, ratio: 0.01 } };
  const names = BOTH_PLANES;
  const overrides = Object.fromEntries(names.map((name) => [name, tracing]));
  const remove = () => rmSync(data, { recursive: true, force: true });
  const suite = await startSuite({ data, resources, overrides }).catch((error: unknown) => {
    remove();
    throw error;
  });
  const stop = async () => {
    await suite.stop();
    remove();
  };
  try {
    const key = await suite.keyOf('default', 'bench');
    const pids = () => JSON.parse(readFileSync(join(suite.data, 'children.json'), 'utf8')) as Record<string, number>;
    const postgres = postmasterOf(join(suite.data, 'postgres'));
    return {
      name: 'sallyport',
      origin: `http://127.0.0.1:${suite.ports['model-proxy']?.http}`,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      groups() {
        const services = Object.entries(pids()).filter(([name]) => name !== 'demo');
        return { ...Object.fromEntries(services.map(([name, pid]) => [name, [pid]])), postgres };
      },
      // Records go out within 25 ms, spending within 250.
      settleMs: 400,
      suite,
      pidOf: (service) => pids()[service] as number,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Starts the suite once and ends it, so that all its sources are compiled: the image runs JavaScript, and a process that
 * strips types holds 24 MB more for good.
 */
export async function fillCompileCache(): Promise<void> {
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../../.tools/compile-cache/', import.meta.url));
  // Nobody asks it anything.
  const suite = await startSallyport('http://127.0.0.1:9');
  await suite.stop();
}

function postmasterOf(dir: string): number[] {
  const file = readdirSync(dir, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('postmaster.pid'));
  return file === undefined ? [] : [Number(readFileSync(join(dir, file), 'utf8').split('\n')[0])];
}

const PORTKEY = '1.15.2';
const INSTALL_MS = 90_000;

/** Portkey's gateway beside us, installed below `.tools` if need be; a sentence where it cannot be had. */
export async function startPortkey(
  mock: string,
  install: boolean,
): Promise<(Contestant & { stop(): Promise<void> }) | string> {
  const dir = fileURLToPath(new URL('../../.tools/portkey/', import.meta.url));
  const script = join(dir, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(script)) {
    if (!install) return 'not installed, and not fetched in a quick run';
    mkdirSync(dir, { recursive: true });
    if (!existsSync(join(dir, 'package.json'))) writeFileSync(join(dir, 'package.json'), '{"private":true}\n');
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `@portkey-ai/gateway@${PORTKEY}`];
    try {
      await promisify(execFile)('npm', args, { cwd: dir, timeout: INSTALL_MS });
    } catch (error) {
      return `could not be installed: ${String(error).split('\n')[0]}`;
    }
  }
  const port = await freePort();
  const child: ChildProcess = spawn(process.execPath, [script, `--port=${port}`, '--headless'], { stdio: 'ignore' });
  const stop = () => end(child);
  const origin = `http://127.0.0.1:${port}`;
  if (!(await answers(origin))) {
    await stop();
    return 'did not start';
  }
  const headers = {
    authorization: 'Bearer sk-mock',
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `${mock}/v1`,
  };
  return { ...single('portkey', { pid: child.pid as number, origin, stop }, headers), stop };
}

/** The key of a LiteLLM proxy that is measured; it authenticates as the others do. */
const MASTER_KEY = 'sk-litellm-master-0123456789';

/** A LiteLLM proxy beside us, of one worker, where `make litellm-test` has installed it; a sentence where it has not. */
export async function startLiteLlm(mock: string): Promise<(Contestant & { stop(): Promise<void> }) | string> {
  const missing = liteLlmMissing();
  if (missing !== undefined) return missing;
  const deployment = { model: 'openai/gpt-4o-mini', api_base: `${mock}/v1`, api_key: 'sk-mock' };
  const config = {
    model_list: [{ model_name: 'gpt-4o-mini', litellm_params: deployment }],
    general_settings: { master_key: MASTER_KEY },
  };
  // JSON is YAML.
  const started = await startProxy(JSON.stringify(config)).catch(
    (error: unknown) => String(error).split('\n')[0] ?? '',
  );
  if (typeof started === 'string') return started;
  return { ...single('litellm', started, { authorization: `Bearer ${MASTER_KEY}` }), stop: started.stop };
}

async function answers(origin: string): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const up = await fetch(origin, { signal: AbortSignal.timeout(1_000) }).then(
      () => true,
      () => false,
    );
    if (up) return true;
    await pause(100);
  }
  return false;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
