import { isJsonObject } from '@sallyport/turn';
import { CODES } from '../protocol.ts';

/** A JSON-RPC request id. */
export type Id = string | number;

/** A JSON-RPC request, or a notification where `id` is undefined. */
export interface Message {
  readonly id: Id | undefined;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** A fault that is answered as a JSON-RPC error; `status` is the HTTP status where the error is not in-band. */
export class RpcFault extends Error {
  readonly code: number;
  readonly status: number;
  readonly data: unknown;

  constructor(code: number, message: string, options: { status?: number; data?: unknown } = {}) {
    super(message);
    this.name = 'RpcFault';
    this.code = code;
    this.status = options.status ?? 200;
    this.data = options.data;
  }
}

/** Reads one message; `response` for an answer to a request, of which we send none. Throws RpcFault. */
export function readMessage(value: unknown): Message | 'response' {
  if (!isObject(value) || value.jsonrpc !== '2.0') throw notJsonRpc();
  const { id, method, params } = value;
  if (method === undefined && ('result' in value || 'error' in value)) return 'response';
  if (typeof method !== 'string' || method === '') throw notJsonRpc();
  const hasId = 'id' in value;
  // MCP: an id is never null, and numbers are integers.
  if (hasId && typeof id !== 'string' && !Number.isSafeInteger(id)) throw notJsonRpc();
  if (params !== undefined && !isObject(params)) {
    throw new RpcFault(CODES.invalidRequest, 'params must be an object.', { status: 400 });
  }
  const meta = params?._meta;
  if (meta !== undefined && !isObject(meta)) {
    throw new RpcFault(CODES.invalidParams, '_meta must be an object.', { status: 400 });
  }
  return { id: hasId ? (id as Id) : undefined, method, params: params ?? {}, meta: meta ?? {} };
}

/** The id of what may be a request, for an error about it; null where there is none to name. */
export function idIn(value: unknown): Id | null {
  if (!isObject(value) || typeof value.method !== 'string') return null;
  const { id } = value;
  return typeof id === 'string' || Number.isSafeInteger(id) ? (id as Id) : null;
}

/** A result that is written as JSON already, since it is given many times. */
export class WrittenResult {
  /** Its members, without the braces around them; at least one. */
  readonly members: string;

  constructor(members: string) {
    this.members = members;
  }

  /** The same with further members, which it must not have. */
  and(further: object): WrittenResult {
    const written = JSON.stringify(further).slice(1, -1);
    return written === '' ? this : new WrittenResult(`${this.members},${written}`);
  }

  toJSON(): unknown {
    return JSON.parse(`{${this.members}}`);
  }
}

/** A message, or a batch of them, as JSON; a result that is written is not written again. */
export function messageText(body: object): string {
  if (Array.isArray(body)) return `[${body.map(messageText).join()}]`;
  const { id, result } = body as { readonly id?: unknown; readonly result?: unknown };
  if (!(result instanceof WrittenResult)) return JSON.stringify(body);
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{${result.members}}}`;
}

/** An answer with a result. */
export function resultBody(id: Id, result: object) {
  return { jsonrpc: '2.0', id, result };
}

/** An answer with an error. */
export function errorBody(id: Id | null, code: number, message: string, data?: unknown) {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return isJsonObject(value);
}

function notJsonRpc(): RpcFault {
  return new RpcFault(CODES.invalidRequest, 'The body is not a JSON-RPC 2.0 message.', { status: 400 });
}
