import { idsOf, type Revoked } from '@sallyport/peers/revoked';
import type { LeasePrincipal } from '../leasing.ts';
import type { GivenToken } from './token-answer.ts';

/** A token in memory, and all who could end it. */
export interface KeptToken extends GivenToken {
  /** Names it in records and to who it is lent; says nothing of the value. */
  readonly reference: string;
  readonly tenant: string;
  /** In whose name it is, through whom. */
  readonly person: LeasePrincipal;
  /** What it is for, at the host that it is for. */
  readonly resource: string;
  /** Ids of the person and of who acts for them, as notices of revocation name them. */
  readonly subjects: readonly string[];
}

/** Tokens in memory and nowhere else. */
export interface TokenCache {
  /** One that is good for a while yet. */
  get(key: string): KeptToken | undefined;
  /** Those that were had last for a resource, whoever they are of: newest first, a few, each with its key. */
  latest(tenant: string, resource: string): readonly (readonly [key: string, token: KeptToken])[];
  /** Keeps a token, unless something was dropped since `epoch`: then what it stands on may be gone. */
  put(key: string, token: KeptToken, epoch: number): void;
  delete(key: string): void;
  /** Drops what a notice is about. */
  revoked(notice: Revoked): void;
  clear(): void;
  /** True where no token is held that could be given out. */
  isEmpty(): boolean;
  epoch(): number;
}

/** A token that ends within this time is not given out. */
const EARLY_MS = 30_000;
const MAX_TOKENS = 20_000;
/** So many are looked through for one that may be listed with. */
const MAX_LATEST = 5;

/** Makes it; when it is full the oldest goes. */
export function createTokenCache(now: () => number = Date.now): TokenCache {
  const tokens = new Map<string, KeptToken>();
  let epoch = 0;
  return {
    get(key) {
      const held = tokens.get(key);
      if (held !== undefined && held.expiresAtMs - now() > EARLY_MS) return held;
      tokens.delete(key);
      return undefined;
    },
    latest(tenant, resource) {
      const found: [string, KeptToken][] = [];
      for (const [key, token] of tokens) {
        const good = token.tenant === tenant && token.resource === resource && token.expiresAtMs - now() > EARLY_MS;
        if (good) found.push([key, token]);
      }
      return found.slice(-MAX_LATEST).reverse();
    },
    put(key, token, asked) {
      if (asked !== epoch) return;
      const oldest = tokens.size >= MAX_TOKENS ? tokens.keys().next().value : undefined;
      if (oldest !== undefined) tokens.delete(oldest);
      tokens.delete(key);
      tokens.set(key, token);
    },
    delete: (key) => void tokens.delete(key),
    revoked(notice) {
      epoch += 1;
      const ids = new Set(idsOf(notice));
      for (const [key, { tenant, subjects }] of tokens) {
        if (tenant === notice.tenant && subjects.some((one) => ids.has(one))) tokens.delete(key);
      }
    },
    clear() {
      epoch += 1;
      tokens.clear();
    },
    isEmpty() {
      for (const [key, { expiresAtMs }] of tokens) if (expiresAtMs - now() <= EARLY_MS) tokens.delete(key);
      return tokens.size === 0;
    },
    epoch: () => epoch,
  };
}
