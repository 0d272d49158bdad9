import { createHmac } from 'node:crypto';
import { deriveKey, type Sealer, sealer } from '@sallyport/chassis/seal';
import type { Pepper } from '../peppers.ts';

/** The digest of something that a client or a browser holds, and the key it was made with. */
export interface HandleDigest {
  readonly pepperId: string;
  readonly digest: Buffer;
}

/** Keys of the OAuth server, all derived from the peppers (HKDF, RFC 5869). */
export interface OAuthKeys {
  readonly seal: Sealer;
  /** The digest that new handles are stored under. */
  digest(tenant: string, kind: string, handle: string): HandleDigest;
  /** The digests that a presented handle may be stored under, one for each pepper of the file. */
  candidates(tenant: string, kind: string, handle: string): Buffer[];
  /** Keys that cookies are signed with, the current first. */
  readonly cookieKeys: readonly string[];
  /** A token that only this server makes, bound to what is said. */
  token(purpose: string, ...bound: readonly string[]): string;
}

/** Derives them. Throws without a pepper. */
export function oauthKeys(peppers: readonly Pepper[]): OAuthKeys {
  const derived = (purpose: string) => peppers.map(({ id, key }) => ({ id, key: deriveKey(key, purpose) }));
  const [seals, handles, cookies, tokens] = [
    derived('identity oauth artefacts'),
    derived('identity oauth handles'),
    derived('identity oauth cookies'),
    derived('identity oauth forms'),
  ];
  const [newest, forms] = [handles[0], tokens[0]];
  if (newest === undefined || forms === undefined) throw new Error('at least one pepper is needed');
  const mac = (key: Uint8Array, parts: readonly string[]) =>
    createHmac('sha256', key).update(JSON.stringify(parts), 'utf8').digest();
  return {
    seal: sealer(seals),
    digest: (...parts) => ({ pepperId: newest.id, digest: mac(newest.key, parts) }),
    candidates: (...parts) => handles.map(({ key }) => mac(key, parts)),
    cookieKeys: cookies.map(({ key }) => Buffer.from(key).toString('base64url')),
    token: (...parts) => mac(forms.key, parts).toString('base64url'),
  };
}
