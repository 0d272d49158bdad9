import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { remainingMs } from '../deadline.ts';
import { GatewayError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { peerNames } from './credentials.ts';
import type { CallContext } from './types.ts';

/** Metadata key of the depth of a call. */
export const DEPTH_KEY = 'sallyport-depth';
/** Metadata key of the caller's name; believed only where there is no TLS, which is in tests. */
export const CALLER_KEY = 'sallyport-caller';
/** Deepest a call may be: proxy → quarantine → proxy exists, more than four is a loop. */
export const MAX_DEPTH = 4;
// So that a handler can still say which of its own calls was late before its caller gives up on it.
const SHAVE_MS = 10;

/** What every grpc-js server call has, whatever its kind. */
export type AnyServerCall = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getDeadline' | 'getAuthContext'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/** The context of one call and the way to end it from outside. */
export interface OpenCall {
  readonly context: CallContext;
  /** Fires the signal of the context. */
  abort(reason: GatewayError): void;
}

/** Checks caller, depth and deadline of a call and opens its context. Throws GatewayError. */
export function openCall(
  call: AnyServerCall,
  method: string,
  allowed: ReadonlySet<string>,
  options: { readonly insecure: boolean; readonly log: Logger },
): OpenCall {
  const names = options.insecure ? textsOf(call.metadata, CALLER_KEY) : peerNames(call);
  const caller = names.find((name) => allowed.has(name));
  if (caller === undefined) {
    options.log.warn('caller is not on the allow-list', { method, names });
    throw new GatewayError('permission_denied', `The caller may not use ${method}.`);
  }
  const depthText = textsOf(call.metadata, DEPTH_KEY)[0] ?? '0';
  const depth = Number(depthText);
  if (!/^\d+$/.test(depthText) || depth > MAX_DEPTH) {
    throw new GatewayError('invalid_request', `Calls may be nested at most ${MAX_DEPTH} deep.`);
  }
  const raw = call.getDeadline();
  const deadlineMs = (raw instanceof Date ? raw.getTime() : raw) - SHAVE_MS;
  if (remainingMs(deadlineMs) === 0) {
    throw new GatewayError('deadline_exceeded', `No time is left for ${method}.`);
  }
  const context = new Context({
    deadlineMs,
    caller,
    depth,
    metadata: { get: (name) => textsOf(call.metadata, name)[0] },
    log: options.log,
  });
  const abort = (reason: GatewayError) => context.abort(reason);
  call.on('cancelled', () =>
    abort(
      remainingMs(deadlineMs) === 0
        ? new GatewayError('deadline_exceeded', `The time for ${method} ran out.`)
        : new GatewayError('cancelled', 'The caller is gone.'),
    ),
  );
  return { abort, context };
}

/**
 * A class for its getter: one in an object literal gives each object a hidden class of its own, which lives in the old
 * generation and keeps there what belongs to the call.
 */
class Context implements CallContext {
  readonly deadlineMs: number;
  readonly caller: string;
  readonly depth: number;
  readonly metadata: CallContext['metadata'];
  readonly log: Logger;
  #controller: AbortController | undefined;
  #ended: GatewayError | undefined;

  constructor(facts: Omit<CallContext, 'signal'>) {
    this.deadlineMs = facts.deadlineMs;
    this.caller = facts.caller;
    this.depth = facts.depth;
    this.metadata = facts.metadata;
    this.log = facts.log;
  }

  /** Most handlers never look at the signal: it is made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ended !== undefined) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  abort(reason: GatewayError): void {
    this.#ended ??= reason;
    this.#controller?.abort(this.#ended);
  }
}

function textsOf(metadata: Metadata, key: string): string[] {
  return metadata.get(key).filter((value) => typeof value === 'string');
}
