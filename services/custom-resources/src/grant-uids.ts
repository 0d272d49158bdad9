import type { SecretKeyRef } from './fields.ts';

/** UID under which vault holds the grant of an IdentityProvider's second secret, the token of its SCIM client. */
export function scimGrantUid(uid: string): string {
  return `${uid}/scim`;
}

const SIGN_IN = '/sign-in';

/** UID under which vault holds what sign-ins at an IdentityProvider may be kept for. */
export function signInGrantUid(uid: string): string {
  return `${uid}${SIGN_IN}`;
}

/** Whether a UID is one of `signInGrantUid`. */
export function isSignInGrant(uid: string): boolean {
  return uid.endsWith(SIGN_IN);
}

/** UID under which vault holds the grant of a further key of a ModelProvider. */
export function furtherGrantUid(uid: string, { name, key }: SecretKeyRef): string {
  return `${uid}/key/${name}/${key}`;
}
