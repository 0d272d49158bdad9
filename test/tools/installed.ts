import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@sallyport/cli/dev/ports';
import { eventually } from '../support/suite.ts';

const TOOLS = join(import.meta.dirname, '../../.tools');
const PACKAGES = join(TOOLS, 'mcp/node_modules/@modelcontextprotocol');
const STARTED_MS = 30_000;
const STOP_MS = 5_000;

/** Programs that `make tools-test` installs. */
export const programs = {
  everything: join(PACKAGES, 'server-everything/dist/index.js'),
  filesystem: join(PACKAGES, 'server-filesystem/dist/index.js'),
  memory: join(PACKAGES, 'server-memory/dist/index.js'),
  inspector: join(PACKAGES, 'inspector/clients/launcher/build/index.js'),
  python: join(TOOLS, 'mcp-python/bin/python'),
  pythonOlder: join(TOOLS, 'mcp-python-1/bin/python'),
} as const;

/** Those that could not be had here, as a registry is not reachable. */
export const missing = (Object.keys(programs) as (keyof typeof programs)[]).filter(
  (name) => !existsSync(programs[name]),
);

/** A server that was started for a test. */
export interface RealServer {
  readonly origin: string;
  stop(): Promise<void>;
}

/** Starts a program that listens on a port of ours, which it is told by `args` and in PORT; resolves when it accepts. */
export async function startServer(program: string, args: (port: number) => readonly string[]): Promise<RealServer> {
  const port = await freePort();
  const child: ChildProcess = spawn(program, args(port), {
    stdio: 'ignore',
    env: { ...process.env, PORT: String(port) },
  });
  const origin = `http://127.0.0.1:${port}`;
  const accepts = () =>
    fetch(origin).then(
      () => true,
      () => false,
    );
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(timer);
  };
  await eventually(accepts, Boolean, STARTED_MS).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { origin, stop };
}

/** What a program wrote to its output. Rejects with what it wrote to its errors where it failed. */
export async function outputOf(program: string, args: readonly string[], withinMs: number): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors.slice(-1_000)}`);
  return out;
}
