import { AsyncLocalStorage } from 'node:async_hooks';
import type { JsonObject } from '../catalog/definition.ts';

/** What a client takes of a call while it runs, and what it can be asked; only calls that have something of it carry it. */
export interface Caller {
  /** Told how far the call has come. Texts of the server are no part of it: nothing has decided on them. */
  readonly progress?: (done: number, total: number | undefined) => void;
  /** How its user can be asked by the tool server; absent: not at all. */
  readonly elicitation?: { readonly form: boolean; readonly url: boolean };
  /** What the client brings back to a server that asked: its state, and the answers. */
  readonly back?: { readonly state: string | undefined; readonly responses: JsonObject };
  /** What the server asks in place of a result; set by the connection. */
  asked?: AskedInput;
}

/** What a server wants of the user before it goes on. */
export interface AskedInput {
  readonly requests: JsonObject;
  readonly state: string | undefined;
}

/** The caller of the call that is being made. */
export const callerOfCall = new AsyncLocalStorage<Caller>();

/** Whether a number is one that progress is told by. */
export function readProgress(
  params: unknown,
): { readonly done: number; readonly total: number | undefined } | undefined {
  if (typeof params !== 'object' || params === null) return undefined;
  const { progress, total } = params as { progress?: unknown; total?: unknown };
  if (typeof progress !== 'number' || !Number.isFinite(progress)) return undefined;
  return { done: progress, total: typeof total === 'number' && Number.isFinite(total) ? total : undefined };
}
