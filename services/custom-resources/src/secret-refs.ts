import type { SecretKeyRef } from './fields.ts';
import type { Kind } from './kinds.ts';
import type { Resource } from './parse.ts';
import { hostedSecretRefs } from './tool-server-hosted.ts';

/** Kinds whose resources name Secrets. */
export const secretKinds = [
  'ModelProvider',
  'ToolServer',
  'IdentityProvider',
  'Client',
  'VirtualKey',
] as const satisfies Kind[];

/**
 * Origin to which vault binds a secret that is presented to Sallyport and never sent: of a Client, of a SCIM client. No
 * host can have it (RFC 2606).
 */
export const inboundOrigin = 'https://inbound.invalid:443';

/** The values that a resource takes out of Secrets, each with its place in the resource. */
export function secretRefs(resource: Resource): [path: string, ref: SecretKeyRef][] {
  const found: [string, SecretKeyRef | undefined][] = [];
  switch (resource.kind) {
    case 'ToolServer':
      found.push(['spec.auth.secretRef', resource.spec.auth?.secretRef]);
      found.push(['spec.credentials.secretRef', resource.spec.credentials?.secretRef]);
      found.push(...hostedSecretRefs(resource.spec.hosted));
      break;
    case 'ModelProvider':
      found.push(['spec.credentials.secretRef', resource.spec.credentials?.secretRef]);
      for (const [index, ref] of (resource.spec.credentials?.furtherSecretRefs ?? []).entries()) {
        found.push([`spec.credentials.furtherSecretRefs[${index}]`, ref]);
      }
      break;
    case 'IdentityProvider':
      found.push(['spec.client.secretRef', resource.spec.client?.secretRef]);
      found.push(['spec.client.privateKeyJwt.secretRef', resource.spec.client?.privateKeyJwt?.secretRef]);
      found.push(['spec.scim.secretRef', resource.spec.scim?.secretRef]);
      break;
    case 'Client':
    case 'VirtualKey':
      found.push(['spec.secretRef', resource.spec.secretRef]);
  }
  return found.filter((one): one is [string, SecretKeyRef] => one[1] !== undefined);
}
