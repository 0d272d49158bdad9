import { isUtf8 } from 'node:buffer';
import { objectOf } from './oauth/answers.ts';

/** Header and claims of a JWT; its signature is for who it is made for. */
export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

const NONE: Jwt = { header: {}, claims: {} };
const MAX_LENGTH = 16 * 1024;
const MAX_DEPTH = 8;

/**
 * Reads a JWT that came from its issuer itself over TLS, to see what it says before it is passed on. A text that is none has
 * neither header nor claims.
 */
export function readJwt(token: string): Jwt {
  const parts = token.split('.');
  if (parts.length !== 3 || token.length > MAX_LENGTH) return NONE;
  const [header, claims] = parts.slice(0, 2).map((part) => objectOf(utf8Of(part) ?? '', MAX_DEPTH));
  return header === undefined || claims === undefined ? NONE : { header, claims };
}

/** Whether an `aud` claim names an audience and, with `only`, nobody beside it. */
export function isAudience(aud: unknown, names: readonly string[], only = false): boolean {
  const all = Array.isArray(aud) ? aud : [aud];
  return all.some((one) => names.includes(one as string)) && (!only || all.length === 1);
}

/** Whether a time claim lies in the future, with `toleranceSeconds` for clocks that differ. */
export function isAfter(claim: unknown, nowSeconds: number, toleranceSeconds = 0): boolean {
  return typeof claim === 'number' && claim > nowSeconds + toleranceSeconds;
}

/**
 * When the first of two tokens that came together ends, epoch ms: then both are had anew. `expiresAtMs` is that of the access
 * token; undefined: neither says.
 */
export function firstEnd(expiresAtMs: number | undefined, idToken: string | undefined): number | undefined {
  const { exp } = readJwt(idToken ?? '').claims;
  const ends = [...(expiresAtMs === undefined ? [] : [expiresAtMs]), ...(isAfter(exp, 0) ? [Number(exp) * 1000] : [])];
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Undefined for bytes that are no UTF-8: another reader could see something else in them. */
function utf8Of(part: string): string | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
