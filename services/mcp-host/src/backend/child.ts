import { spawn } from 'node:child_process';
import { lineReader } from '../stdio/lines.ts';
import type { Pipe, PipeListener } from '../stdio/pipe.ts';

/** What is run on this machine. */
export interface ChildOptions {
  readonly command: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Lines of its standard error, cut. */
  readonly onStderr: (line: string) => void;
}

const TERM_MS = 3_000;
const MAX_STDERR_LINE = 64 * 1024;

/** Starts a child process, without any sandbox. Rejects where it cannot be started. */
export function openChild(options: ChildOptions, listener: PipeListener, signal: AbortSignal): Promise<Pipe> {
  const [file = '', ...args] = options.command;
  signal.throwIfAborted();
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own, so that what it starts ends with it.
    detached: true,
  });
  const { stdin, stdout, stderr } = child;
  let gone = false;
  let last = '';
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended.
    }
  };
  const onStderrLine = (line: Buffer) => {
    last = line.toString('utf8').trim().slice(0, 200) || last;
    options.onStderr(line.toString('utf8').slice(0, 500));
  };
  const readStderr = () =>
    lineReader({
      maxBytes: MAX_STDERR_LINE,
      onLine: onStderrLine,
      onTooLong: () => stderr.on('data', () => undefined),
    });
  stderr.on('data', readStderr());
  stdout.on('data', (data: Buffer) => listener.onData(data));
  stdin.on('error', () => undefined);
  const end = () => {
    if (gone) return;
    // As MCP says it: standard input ends first, then it is asked, then it is made.
    stdin.end();
    setTimeout(() => kill('SIGTERM'), 500).unref();
    setTimeout(() => kill('SIGKILL'), TERM_MS).unref();
  };
  signal.addEventListener('abort', end, { once: true });
  child.once('close', (code, name) => {
    gone = true;
    signal.removeEventListener('abort', end);
    // What it left behind goes too.
    kill('SIGKILL');
    const how = name === null ? `exit code ${code}` : `signal ${name}`;
    listener.onEnd(last === '' ? how : `${how}: ${last}`);
  });
  const pipe: Pipe = {
    write: (data) =>
      new Promise((resolve, reject) => {
        if (gone || stdin.destroyed || stdin.writableEnded) return reject(new Error('the process has ended'));
        stdin.write(data, (error) => (error ? reject(new Error('the process has ended')) : resolve()));
      }),
    end,
  };
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(pipe));
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
      gone = true;
      reject(new Error(error.code === 'ENOENT' ? `${file} is not there` : `${file} cannot be run (${error.code})`));
    });
  });
}
