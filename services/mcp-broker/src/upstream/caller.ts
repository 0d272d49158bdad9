import { AsyncLocalStorage } from 'node:async_hooks';
import type { JsonObject } from '../catalog/definition.ts';

/** What a client takes of a call while it runs, and what it can be asked; only calls that have something of it carry it. */
export interface Caller {
  /** Told how far the call has come. Texts of the server are no part of it: nothing has decided on them. */
  readonly progress?: (done: number, total: number | undefined) => void;
  /** The least grave of what the server is to log for the client, and who keeps it until the result is decided. */
  readonly logLevel?: LogLevel;
  readonly log?: (logged: Logged) => void;
  /** Takes what was kept so far: who made the call decides on it. */
  readonly takeLogged?: () => readonly Logged[];
  /** How its user can be asked by the tool server; absent: not at all. */
  readonly elicitation?: { readonly form: boolean; readonly url: boolean };
  /** The client tells servers which folders it works in, where they ask. */
  readonly roots?: boolean;
  /** The server may have a model asked; it is not the client that is. */
  readonly sampling?: boolean;
  /** What a server that asked is to be told; nothing of it is sent before it is decided. */
  readonly back?: Brought;
  /** What of it was decided, and is sent; set by who decides. */
  sends?: Pick<Brought, 'state' | 'responses'>;
  /** What the server asks in place of a result; set by the connection. */
  asked?: AskedInput | undefined;
  /** Capabilities that the server says the client lacks for the call; set by the connection. */
  lacked?: JsonObject | undefined;
}

/** Answers to what a server asked in a round, with its own state of it. */
export interface Brought {
  readonly state: string | undefined;
  /** What was asked, by key. */
  readonly asked: JsonObject;
  /** Answers to it, by key. */
  readonly responses: JsonObject;
}

/** What a server wants of the user before it goes on. */
export interface AskedInput {
  readonly requests: JsonObject;
  readonly state: string | undefined;
}

/** Levels of what servers log, least grave first. */
export const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
/** One of them. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a server logged. */
export interface Logged {
  readonly level: LogLevel;
  readonly logger?: string;
  readonly data: unknown;
}

/** The caller of the call that is being made. */
export const callerOfCall = new AsyncLocalStorage<Caller>();

const MISSING_CAPABILITY = -32_021;
const CAPABILITIES = ['elicitation', 'sampling', 'roots'];
const MAX_LOGGED = 4_096;
const MAX_LOGGER = 128;

/** How far a call has come, by the params of a notification; undefined for what is no number. */
export function readProgress(
  params: unknown,
): { readonly done: number; readonly total: number | undefined } | undefined {
  if (typeof params !== 'object' || params === null) return undefined;
  const { progress, total } = params as { progress?: unknown; total?: unknown };
  if (typeof progress !== 'number' || !Number.isFinite(progress)) return undefined;
  return { done: progress, total: typeof total === 'number' && Number.isFinite(total) ? total : undefined };
}

/** What was logged, by the params of a notification; undefined for what is too long, or no log. */
export function readLog({ level, logger, data }: Record<string, unknown>): Logged | undefined {
  if (!LOG_LEVELS.includes(level as LogLevel) || data === undefined) return undefined;
  if (JSON.stringify(data).length > MAX_LOGGED) return undefined;
  const named = typeof logger === 'string' && logger.length <= MAX_LOGGER ? { logger } : {};
  return { level: level as LogLevel, ...named, data };
}

/** Capabilities that a refusal says are lacking (2026-07-28, -32021), by those names that MCP has; undefined for others. */
export function lackedOf({ code, data }: { readonly code: unknown; readonly data: unknown }): JsonObject | undefined {
  if (code !== MISSING_CAPABILITY || typeof data !== 'object' || data === null) return undefined;
  const { requiredCapabilities: needed } = data as { requiredCapabilities?: unknown };
  if (typeof needed !== 'object' || needed === null) return undefined;
  const names = CAPABILITIES.filter((name) => Object.hasOwn(needed, name));
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, {}]));
}
