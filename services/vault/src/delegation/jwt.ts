import { parseJson } from '@sallyport/chassis/http/json';

/** Header and claims of a JWT; its signature is for who it is made for. */
export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

const NONE: Jwt = { header: {}, claims: {} };
const MAX_LENGTH = 16 * 1024;

/**
 * Reads a JWT that came from its issuer itself over TLS, to see what it says before it is passed on. A text that is none has
 * neither header nor claims.
 */
export function readJwt(token: string): Jwt {
  const parts = token.split('.');
  if (parts.length !== 3 || token.length > MAX_LENGTH) return NONE;
  try {
    const [header, claims] = parts
      .slice(0, 2)
      .map((part) => parseJson(Buffer.from(part, 'base64url'), { maxDepth: 8 }));
    return isObject(header) && isObject(claims) ? { header, claims } : NONE;
  } catch {
    return NONE;
  }
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
