import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const VENV = fileURLToPath(new URL('../../.tools/litellm/', import.meta.url));
const READY_MS = 120_000;
const STOP_MS = 10_000;

/** A LiteLLM proxy of its own on loopback. */
export interface LiteLlm {
  readonly origin: string;
  readonly pid: number;
  /** Its folder, in which its config and what it writes are. */
  readonly folder: string;
  /** What it wrote to its log. */
  output(): string;
  stop(): Promise<void>;
}

/** Why no LiteLLM can be had here, or undefined where it can: `make litellm-test` puts one below `.tools`. */
export function liteLlmMissing(): string | undefined {
  return existsSync(join(VENV, 'bin/litellm')) ? undefined : 'there is no LiteLLM in .tools/litellm';
}

/** Starts a LiteLLM proxy with a config and files beside it, by name, for instance a hook in Python. */
export async function startLiteLlm(config: string, files: Readonly<Record<string, string>> = {}): Promise<LiteLlm> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-litellm-'));
  for (const [name, text] of Object.entries({ ...files, 'config.yaml': config })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const log = join(folder, 'log');
  const child = spawn(
    join(VENV, 'bin/litellm'),
    [
      '--config',
      'config.yaml',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--num_workers',
      '1',
      '--telemetry',
      'False',
    ],
    {
      cwd: folder,
      // Nothing is fetched: the prices are those of the package.
      env: {
        PATH: `${join(VENV, 'bin')}:${process.env.PATH ?? ''}`,
        HOME: folder,
        LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const sink = createWriteStream(log);
  child.stdout?.pipe(sink);
  child.stderr?.pipe(sink, { end: false });
  const output = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(`${origin}/health/liveliness`, child);
  } catch (error) {
    const said = output().slice(-3_000);
    await stop();
    throw new Error(`litellm does not start: ${said}`, { cause: error });
  }
  return { origin, pid: child.pid as number, folder, output, stop };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const end = Date.now() + READY_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`litellm ended with ${child.exitCode}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (answer?.ok) return;
    await pause(250);
  }
  throw new Error(`litellm was not ready after ${READY_MS} ms`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([exit, pause(STOP_MS, undefined, { ref: false })]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
