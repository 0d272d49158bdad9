import { TokenFault } from './token-fault.ts';

/** Members of a JOSE header or payload, as JSON has them; nothing of them is proven yet. */
export type Members = Readonly<Record<string, unknown>>;

/** A JWS in compact form (RFC 7515 §7.1), taken apart. */
export interface Token {
  readonly text: string;
  readonly header: Members;
  readonly claims: Members;
}

/** Header and payload of a text that passed the guards of its form. Throws TokenFault `json`. */
export function tokenOf(text: string): Token {
  const [header = '', payload = ''] = text.split('.', 2);
  return { text, header: membersOf(header), claims: membersOf(payload) };
}

/** Bytes of a part in base64url. */
export function bytesOf(part: string): Buffer {
  return Buffer.from(part, 'base64url');
}

/** Tells whether a credential has the form of a JWS or JWE: then it is no virtual key, whatever it says. */
export function looksLikeToken(credential: string): boolean {
  return credential.startsWith('eyJ') && credential.includes('.');
}

function membersOf(part: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(bytesOf(part).toString('utf8'));
  } catch {
    throw new TokenFault('json');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TokenFault('json');
  return value as Members;
}
