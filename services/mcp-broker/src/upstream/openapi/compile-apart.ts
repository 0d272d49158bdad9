import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Compile } from './compile-document.ts';
import type { CompiledDocument } from './plan.ts';

const MAX_MS = 15_000;
const MAX_MEMORY_MB = 256;
const MAX_AT_ONCE = 2;
const MAX_WAITING = 256;
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const MAX_KEPT = 32;
const waiting: (() => void)[] = [];
/** By what they were made of; several servers may be parts of one API. */
const kept = new Map<string, CompiledDocument>();
let running = 0;

/**
 * Compiles a document in a thread of its own, which is ended when it takes too long or too much memory: documents come from
 * strangers, and reading a large one would hold up every call. Throws GatewayError `upstream_invalid`.
 */
export async function compileApart(compile: Compile, signal: AbortSignal): Promise<CompiledDocument> {
  const of = createHash('sha256').update(JSON.stringify(compile)).digest('base64');
  const known = kept.get(of);
  if (known !== undefined) return known;
  if (waiting.length >= MAX_WAITING)
    throw new GatewayError('unavailable', 'Too many OpenAPI documents are being read.');
  if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    signal.throwIfAborted();
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
  const worker = new Worker(new URL(`./compile-worker.${extension}`, import.meta.url), {
    workerData: compile,
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MB },
    execArgv: [],
  });
  return new Promise<CompiledDocument>((resolve, reject) => {
    const refuse = (reason: string) =>
      reject(new GatewayError('upstream_invalid', `The OpenAPI document is not used: ${reason}.`));
    const timer = setTimeout(() => refuse(`it takes longer than ${MAX_MS / 1000} s to read`), MAX_MS);
    timer.unref();
    worker.once('message', (answer: { compiled: CompiledDocument } | { fault: string }) =>
      'fault' in answer ? refuse(answer.fault) : resolve(answer.compiled),
    );
    worker.once('error', () => refuse('it cannot be read within the memory that it may take'));
    worker.once('exit', () => {
      clearTimeout(timer);
      refuse('it cannot be read');
    });
  }).finally(() => void worker.terminate());
}
