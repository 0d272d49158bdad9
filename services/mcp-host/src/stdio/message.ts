/** An id of JSON-RPC. */
export type Id = string | number;

/** A JSON object. */
export type JsonObject = { readonly [name: string]: unknown };

/** A request of JSON-RPC. */
export interface RpcRequest {
  readonly jsonrpc: '2.0';
  readonly id: Id;
  readonly method: string;
  readonly params?: JsonObject;
}

/** An answer: `result` or `error`. */
export interface RpcAnswer {
  readonly jsonrpc: '2.0';
  readonly id: Id;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A notice that nobody answers. */
export interface RpcNotice {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: JsonObject;
}

/** Any message. */
export type Message = RpcRequest | RpcAnswer | RpcNotice;

/** Reads a message; undefined: it is none. */
export function readMessage(value: unknown): Message | undefined {
  if (!isObject(value) || value.jsonrpc !== '2.0') return undefined;
  const { id, method, params } = value;
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number') return undefined;
  if (method !== undefined) {
    if (typeof method !== 'string' || (params !== undefined && !isObject(params))) return undefined;
    return value as unknown as Message;
  }
  if (id === undefined || (value.result === undefined) === (value.error === undefined)) return undefined;
  if (value.error !== undefined && !(isObject(value.error) && typeof value.error.message === 'string'))
    return undefined;
  return value as unknown as Message;
}

/** Whether a message is a request. */
export function isRequest(message: Message): message is RpcRequest {
  return 'method' in message && 'id' in message && message.id !== undefined;
}

/** Whether a message answers a request. */
export function isAnswer(message: Message): message is RpcAnswer {
  return !('method' in message);
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
