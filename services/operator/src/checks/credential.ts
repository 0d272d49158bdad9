import type { Finding, Secret, SecretKeyRef } from '@sallyport/custom-resources';
import { fails } from './findings.ts';
import { internalTo } from './internal-secret.ts';

/** Annotation by which the author of a resource lets its credential go to another origin than before. */
export const grantAnnotation = 'sallyport.dev/grant-origin';

/**
 * Scheme, host and port of a URL, the port always spelled out, so that two spellings of one origin are equal. Undefined
 * for anything but http and https.
 */
export function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  return `${url.protocol}//${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** The same of URLs separated by a blank: all the hosts that a credential is sent to. Undefined where one is none. */
export function originsOf(text: string): string | undefined {
  const origins = text.split(' ').map(originOf);
  return origins.includes(undefined) ? undefined : origins.join(' ');
}

/** What is asked of vault for a credential. */
export type CredentialDecision =
  | { readonly grant: true; readonly value: string; readonly origin: string }
  | { readonly grant: false; readonly finding: Finding /** The value itself is gone. */; readonly gone: boolean };

/** What is asked of vault for a resource whose credentials others put in. */
export function decideValueless(url: string): CredentialDecision {
  const origin = originsOf(url);
  if (origin !== undefined) return { grant: true, value: '', origin };
  const message = 'the URL has no origin to which a credential could be bound';
  return { grant: false, finding: fails('CredentialsValid', 'InvalidURL', message), gone: false };
}

/** What a credential is wanted for, and what is known of it. */
export type CredentialCase = {
  readonly ref: SecretKeyRef;
  readonly url: string;
  readonly secret: Secret | undefined;
  /** Origin to which it was granted before; undefined: never. */
  readonly grantedOrigin: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
};

/**
 * Decides whether a credential may be granted. Changing the URL voids the grant (DESIGN §3): whoever can edit a
 * resource could otherwise send a credential that they cannot read to a host of their own. The first grant needs no
 * more than the resource; another origin needs an annotation that names it.
 */
export function decideCredential(wanted: CredentialCase): CredentialDecision {
  const { ref, secret, grantedOrigin, annotations } = wanted;
  const refuse = (reason: string, message: string, gone = false): CredentialDecision => ({
    grant: false,
    finding: fails('CredentialsValid', reason, message),
    gone,
  });
  if (secret === undefined) return refuse('SecretNotFound', `no Secret ${ref.name} in this namespace`, true);
  const whose = internalTo(secret);
  if (whose !== undefined) return refuse('SecretNotAllowed', `Secret ${ref.name} may not be used: ${whose}`, true);
  const value = secret.data.get(ref.key)?.trim();
  if (value === undefined) return refuse('SecretKeyNotFound', `Secret ${ref.name} has no key ${ref.key}`, true);
  if (value === '') return refuse('SecretEmpty', `key ${ref.key} of Secret ${ref.name} is empty`, true);
  const origin = originsOf(wanted.url);
  if (origin === undefined) return refuse('InvalidURL', 'the URL has no origin to which a credential could be bound');
  const agreed = annotations[grantAnnotation];
  if (
    grantedOrigin !== undefined &&
    grantedOrigin !== origin &&
    (agreed === undefined || originsOf(agreed) !== origin)
  ) {
    return refuse(
      'OriginChanged',
      `the credential was granted to ${grantedOrigin}; to send it to ${origin}, annotate the resource with ${grantAnnotation}: ${origin}`,
    );
  }
  return { grant: true, value, origin };
}
