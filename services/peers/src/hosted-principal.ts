import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Subject, subjectsOf } from './revoked.ts';

/** In whose name a hosted server is asked that has a process for each principal; broker to mcp-host, over mTLS alone. */
export const PRINCIPAL_HEADER = 'sallyport-principal';

/** On a call whose person can be asked something by its server; broker to mcp-host. */
export const ASKABLE_HEADER = 'sallyport-askable';

/** A principal as mcp-host knows it. */
export interface HostedPrincipal {
  /** SHA-256 in hex of all that makes it another: its credential, whom it acts for, and through whom. */
  readonly id: string;
  /** Key under which its own values stand in Secrets. */
  readonly secretKey: string;
  /** Every id under which a notice of revocation may name it. */
  readonly subjects: readonly string[];
}

/** What of a principal decides whose process it has. */
export interface Acting extends Subject {
  readonly userSinceMs: number;
}

const MAX_KEY = 253;
const MAX_SUBJECTS = 64;
const MAX_HEADER = 12_000;
const form = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  secretKey: z.string().regex(/^[A-Za-z0-9._-]{1,253}$/),
  subjects: z.array(z.string().max(1_000)).max(MAX_SUBJECTS),
});

/** The principal for whom a process is kept. Another key of the same person is another one, and so is who acts for them. */
export function hostedPrincipal(principal: Acting): HostedPrincipal {
  const { id, user, actors, userSinceMs } = principal;
  const all = JSON.stringify([id, user, userSinceMs, actors.map((actor) => [actor.id, actor.client])]);
  const hash = createHash('sha256').update(all).digest('hex');
  const colon = id.indexOf(':');
  const key = user === '' ? secretKey(id.slice(0, colon), id.slice(colon + 1)) : secretKey('user', user);
  return { id: hash, secretKey: key, subjects: subjectsOf(principal).slice(0, MAX_SUBJECTS) };
}

/**
 * Key of a Secret under which the values of somebody stand: `user.dana_40example.com`. No two have the same; of a name that is
 * too long for a key, a hash.
 */
export function secretKey(kind: string, name: string): string {
  const plain = [...Buffer.from(name, 'utf8')].map((byte) => {
    const letter = String.fromCharCode(byte);
    return /[A-Za-z0-9.-]/.test(letter) ? letter : `_${byte.toString(16).padStart(2, '0')}`;
  });
  const key = `${kind}.${plain.join('')}`;
  return key.length <= MAX_KEY ? key : `sha256.${createHash('sha256').update(`${kind}\n${name}`).digest('hex')}`;
}

/** The value of `PRINCIPAL_HEADER`. */
export function principalHeader(principal: Acting): string {
  return Buffer.from(JSON.stringify(hostedPrincipal(principal))).toString('base64url');
}

/** Reads it; undefined: it says nothing that could be read. */
export function readPrincipalHeader(header: string | undefined): HostedPrincipal | undefined {
  if (header === undefined || header.length > MAX_HEADER) return undefined;
  try {
    const read = form.safeParse(JSON.parse(Buffer.from(header, 'base64url').toString('utf8')));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
