import { orEnded, sleep } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { HostedServerSpec } from '@sallyport/custom-resources';
import type { HostedPrincipal } from '@sallyport/peers/hosted-principal';
import { type Bridge, type BridgeBounds, type Hearing, openBridge } from './stdio/bridge.ts';
import { isObject, type RpcAnswer, type RpcNotice, type RpcRequest } from './stdio/message.ts';
import type { OpenPipe } from './stdio/pipe.ts';

/** A hosted server as the snapshot has it. */
export interface HostedServer {
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly contentHash: string;
  readonly spec: HostedServerSpec;
  /** Whose process it is, of a server with one for each principal; absent: that of all, or of nobody. */
  readonly principal?: HostedPrincipal;
}

/** Hash by which the process of a principal is named. */
export function shortId({ id }: HostedPrincipal): string {
  return id.slice(0, 16);
}

/** Key of a process: of a server, or of one principal's of it. */
export function processKey({ uid, principal }: Pick<HostedServer, 'uid' | 'principal'>): string {
  return principal === undefined ? uid : `${uid}/${shortId(principal)}`;
}

/** Where processes run. */
export interface Backend {
  /** Starts the process of a server over standard input and output where it does not run yet, and takes hold of it. */
  open(server: HostedServer): OpenPipe;
  /** URL of a server over HTTP, started where it does not run yet. */
  address(server: HostedServer, signal: AbortSignal): Promise<URL>;
  /** Nothing answered at that address: the next one who asks does not get it unseen. */
  unreachable(server: HostedServer): void;
  /** A server with a process for each principal comes in sight: what an earlier life of this one left behind is removed. */
  begin(server: HostedServer): void;
  /** Nobody needs it for now. */
  idle(server: HostedServer): Promise<void>;
  /** It is gone, or will be another. */
  forget(server: HostedServer): Promise<void>;
}

/** How a process is. */
export type HostState =
  | { readonly is: 'idle' | 'starting' | 'running' }
  | { readonly is: 'ended'; readonly reason: string };

/** One server over standard input and output: started when it is asked, kept, stopped when it is idle. */
export interface Host {
  readonly server: HostedServer;
  state(): HostState;
  /** Answers a request, by the process or from what it said before. Throws GatewayError. */
  request(request: RpcRequest, signal: AbortSignal, hears?: Hearing): Promise<RpcAnswer>;
  /** Gives the process what somebody answers to a question of its. Throws GatewayError `not_found` for any other. */
  answer(answer: RpcAnswer): void;
  /** Listens to notices of no request, whichever process they come from. Gives how to stop. */
  listen(listener: (notice: RpcNotice) => void): () => void;
  /** Has `forgotten` called when another process has begun, to which nobody has subscribed to anything. Gives how to stop. */
  onAnother(forgotten: () => void): () => void;
  /** Fires when it is stopped for good: another one, if any, has its place, and whoever listens hears nothing more here. */
  readonly stopped: AbortSignal;
  /** Stops it if it was idle for long enough. */
  sweep(now: number): Promise<void>;
  stop(reason: string): void;
}

const LISTS = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']);

/** Whether a method asks for a list, which is kept and keeps nothing alive. */
export function isListing(method: string): boolean {
  return LISTS.has(method);
}

const MAX_KEPT = 256;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 60_000;
const STEADY_MS = 60_000;
const NOT_FOUND = -32601;

/** Makes the host of a server; nothing runs before somebody asks. */
export function createHost(options: {
  readonly server: HostedServer;
  readonly backend: Pick<Backend, 'open' | 'idle'>;
  readonly bounds: BridgeBounds;
  readonly log: Logger;
  readonly onState: () => void;
}): Host {
  const { server, backend, bounds, onState } = options;
  const log = options.log.child({ server: server.name, tenant: server.tenant });
  const life = new AbortController();
  const kept = new Map<string, { readonly result: unknown; readonly bytes: number }>();
  let keptBytes = 0;
  const listeners = new Set<(notice: RpcNotice) => void>();
  const forgotten = new Set<() => void>();
  let begun = false;
  let greeting: Bridge['greeting'];
  let opening: Promise<Bridge> | undefined;
  let bridge: Bridge | undefined;
  let idling: Promise<void> | undefined;
  let state: HostState = { is: 'idle' };
  let usedAt = Date.now();
  let failures = 0;
  let retryAt = 0;

  const keep = (key: string, result: unknown) => {
    const bytes = JSON.stringify(result).length;
    keptBytes -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
    if (kept.size >= MAX_KEPT || keptBytes + bytes > MAX_KEPT_BYTES) return;
    kept.set(key, { result, bytes });
    keptBytes += bytes;
  };
  const keepNothing = () => {
    kept.clear();
    keptBytes = 0;
  };
  const become = (next: HostState) => {
    state = next;
    onState();
  };
  const failed = (reason: string, steady: boolean) => {
    failures = steady ? 1 : failures + 1;
    retryAt = Date.now() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    log.warn('A hosted tool server ended', { reason: reason.slice(0, 300), failures });
    become({ is: 'ended', reason: reason.slice(0, 300) });
  };
  const start = async (): Promise<Bridge> => {
    await idling;
    const waitMs = retryAt - Date.now();
    if (waitMs > 1_000 && state.is === 'ended') {
      const message = `The tool server ended: ${state.reason}. It is started again in ${Math.ceil(waitMs / 1000)} s.`;
      throw new GatewayError('unavailable', message);
    }
    if (waitMs > 0) await sleep(waitMs, life.signal);
    become({ is: 'starting' });
    const startedAt = Date.now();
    let noted = false;
    let opened: Bridge | undefined;
    // The process lives by this signal too, for longer than it may take to start.
    const starting = new AbortController();
    const late = setTimeout(() => starting.abort(new Error('it took too long to start')), bounds.startMs);
    try {
      opened = await openBridge(backend.open(server), {
        bounds,
        signal: AbortSignal.any([life.signal, starting.signal]),
        onEnd(reason) {
          if (bridge === opened) bridge = undefined;
          if (life.signal.aborted || state.is === 'idle') return;
          noted = true;
          failed(reason, Date.now() - startedAt > STEADY_MS);
        },
        onNoise: (line) => log.debug('A hosted tool server wrote what is no message', { line }),
      });
    } catch (error) {
      if (!noted && !life.signal.aborted) failed((error as Error).message, false);
      throw error instanceof GatewayError
        ? error
        : new GatewayError('unavailable', `The tool server cannot be started: ${(error as Error).message}.`, {
            cause: error,
          });
    } finally {
      clearTimeout(late);
    }
    bridge = opened;
    if (noted) throw new GatewayError('unavailable', 'The tool server ended.');
    greeting = opened.greeting;
    keepNothing();
    opened.listen((notice) => {
      if (notice.method.endsWith('list_changed')) keepNothing();
      for (const listener of listeners) listener(notice);
    });
    become({ is: 'running' });
    if (begun) for (const tell of forgotten) tell();
    begun = true;
    return opened;
  };
  const running = async (signal: AbortSignal): Promise<Bridge> => {
    if (life.signal.aborted) throw new GatewayError('unavailable', 'The tool server is being taken away.');
    if (bridge !== undefined && idling === undefined) return bridge;
    opening ??= start().finally(() => {
      opening = undefined;
    });
    opening.catch(() => undefined);
    return await orEnded(opening, signal);
  };

  return {
    server,
    stopped: life.signal,
    state: () => state,
    async request(request, signal, hears) {
      const { id, method } = request;
      const stopped = bridge === undefined && state.is !== 'ended';
      const cursor = request.params?.cursor;
      const key = `${method}\n${typeof cursor === 'string' ? cursor : ''}`;
      const listing = isListing(method);
      if (listing && stopped && kept.has(key)) return { jsonrpc: '2.0', id, result: kept.get(key)?.result };
      if (method === 'initialize' && stopped && greeting !== undefined) return { jsonrpc: '2.0', id, result: greeting };
      const used = await running(signal);
      // Hands were shaken for all; a process that knows a handshake knows no other way to begin.
      if (greeting !== undefined && method === 'initialize') return { jsonrpc: '2.0', id, result: greeting };
      if (greeting !== undefined && method === 'server/discover') {
        return { jsonrpc: '2.0', id, error: { code: NOT_FOUND, message: 'Method not found' } };
      }
      // What is asked behind everybody's back keeps nothing alive.
      if (!listing && method !== 'server/discover') usedAt = Date.now();
      const answer = await used.request(request, signal, hears);
      if (listing && isObject(answer.result)) keep(key, answer.result);
      if (!listing) usedAt = Date.now();
      return answer;
    },
    answer(answer) {
      if (bridge === undefined) throw new GatewayError('not_found', 'Nothing is asked by a process that has ended.');
      bridge.answer(answer);
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onAnother(tell) {
      forgotten.add(tell);
      return () => void forgotten.delete(tell);
    },
    async sweep(now) {
      const { idleMinutes } = server.spec;
      if (idleMinutes === undefined || bridge === undefined || bridge.pending() > 0 || idling !== undefined) return;
      if (now - usedAt < idleMinutes * 60_000) return;
      const ending = bridge;
      bridge = undefined;
      state = { is: 'idle' };
      idling = backend
        .idle(server)
        .catch((error: unknown) => log.warn('An idle tool server could not be stopped', { error }))
        .finally(() => {
          ending.end('it was idle');
          idling = undefined;
        });
      await idling;
      onState();
    },
    stop(reason) {
      life.abort(new GatewayError('unavailable', 'The tool server is being taken away.'));
      bridge?.end(reason);
    },
  };
}
