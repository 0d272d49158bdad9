import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { reasonOf } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Compile } from './compile-document.ts';
import type { CompiledDocument } from './plan.ts';

const MAX_MS = 15_000;
const MAX_MEMORY_MB = 160;
const MAX_AT_ONCE = 1;
const MAX_WAITING = 256;
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const MAX_KEPT = 32;
const IDLE_MS = 30_000;
const idle: Worker[] = [];
const waiting: (() => void)[] = [];
/** By what they were made of; several servers may be parts of one API. */
const kept = new Map<string, CompiledDocument>();
const underWay = new Map<string, Promise<CompiledDocument>>();
let running = 0;

/**
 * Compiles a document in a thread apart, which is ended when it takes too long or too much memory: documents come from
 * strangers, and reading a large one would hold up every call. Who wants the same document waits for the same work, which
 * goes on when they no longer wait. Throws GatewayError `upstream_invalid`.
 */
export async function compileApart(compile: Compile, signal: AbortSignal): Promise<CompiledDocument> {
  signal.throwIfAborted();
  const of = createHash('sha256').update(JSON.stringify(compile)).digest('base64');
  const known = kept.get(of);
  if (known !== undefined) return known;
  let work = underWay.get(of);
  if (work === undefined) {
    if (waiting.length >= MAX_WAITING)
      throw new GatewayError('unavailable', 'Too many OpenAPI documents are being read.');
    work = compiling(of, compile);
    underWay.set(of, work);
    work.catch(() => undefined).finally(() => underWay.delete(of));
  }
  let leave = () => {};
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(reasonOf(signal));
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work, left]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function compiling(of: string, compile: Compile): Promise<CompiledDocument> {
  if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    const compiled = await inThread(compile);
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string);
    kept.set(of, compiled);
    return compiled;
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function inThread(compile: Compile): Promise<CompiledDocument> {
  const worker = idle.pop() ?? newWorker();
  worker.ref();
  let well = false;
  return new Promise<CompiledDocument>((resolve, reject) => {
    const refuse = (reason: string) =>
      reject(new GatewayError('upstream_invalid', `The OpenAPI document is not used: ${reason}.`));
    const timer = setTimeout(() => refuse(`it takes longer than ${MAX_MS / 1000} s to read`), MAX_MS);
    worker.once('message', (answer: { compiled: CompiledDocument } | { fault: string }) => {
      clearTimeout(timer);
      well = true;
      if ('fault' in answer) refuse(answer.fault);
      else resolve(answer.compiled);
    });
    worker.once('error', () => refuse('it cannot be read within the memory that it may take'));
    worker.once('exit', () => {
      clearTimeout(timer);
      refuse('it cannot be read');
    });
    worker.postMessage(compile);
  }).finally(() => {
    for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
    if (well) rest(worker);
    else void worker.terminate();
  });
}

function newWorker(): Worker {
  return new Worker(new URL(`./compile-worker.${extension}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MB },
    execArgv: [],
  });
}

/** Keeps a thread for the next document, a while. It holds up no end of the process. */
function rest(worker: Worker): void {
  worker.unref();
  idle.push(worker);
  const over = setTimeout(() => {
    const at = idle.indexOf(worker);
    if (at < 0) return;
    idle.splice(at, 1);
    void worker.terminate();
  }, IDLE_MS);
  over.unref();
}
