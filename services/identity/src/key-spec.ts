import { clone, equals } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { isNetwork } from '@sallyport/custom-resources/fields';
import { type KeySpec, KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';

// Names of Kubernetes objects, since policies select keys of both origins by name.
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const MAY_ASSERT = new Set(['user', 'customer', 'feature', 'project', 'promptVersion', 'variant', 'tags']);
const ORIGINS = new Set(['', 'human', 'webhook', 'form', 'email', 'schedule', 'agent']);
const ROLES = new Set<number>([Principal_Role.MEMBER, Principal_Role.AUDITOR, Principal_Role.ADMIN]);
const MAX_ITEMS = 256;
const MAX_TEXT = 256;
const MAX_NETWORKS = 64;
const MAX_METADATA = 32;
const METADATA_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_./]{0,61}[A-Za-z0-9])?$/;
// The last millisecond that a JavaScript date can tell.
const MAX_TIME_MS = 8.64e15;

/**
 * A spec that may be stored: the role spelled out, every field within its bounds.
 * Throws `invalid_request` with the path of the first fault.
 */
export function checkedSpec(given: KeySpec | undefined): KeySpec {
  if (given === undefined) throw fault('spec', 'is missing');
  const spec = clone(KeySpecSchema, given);
  if (spec.role === Principal_Role.UNSPECIFIED) spec.role = Principal_Role.MEMBER;
  if (!NAME.test(spec.name)) throw fault('name', 'must be lower-case letters, digits, dashes and dots, at most 253');
  for (const path of ['owner', 'customer', 'client'] as const) checkText(path, spec[path]);
  for (const path of ['teams', 'models', 'tools', 'endpoints', 'tags', 'mayAssert'] as const) {
    const items = spec[path];
    if (items.length > MAX_ITEMS) throw fault(path, `has more than ${MAX_ITEMS} entries`);
    for (const [index, item] of items.entries()) {
      if (item === '') throw fault(`${path}/${index}`, 'is empty');
      checkText(`${path}/${index}`, item);
    }
  }
  if (spec.networks.length > MAX_NETWORKS) throw fault('networks', `has more than ${MAX_NETWORKS} entries`);
  for (const [index, item] of spec.networks.entries()) {
    if (!isNetwork(item)) throw fault(`networks/${index}`, 'must be a network such as 10.0.0.0/8 or 2001:db8::/32');
  }
  const metadata = Object.entries(spec.metadata);
  if (metadata.length > MAX_METADATA) throw fault('metadata', `has more than ${MAX_METADATA} entries`);
  for (const [name, text] of metadata) {
    if (!METADATA_NAME.test(name))
      throw fault('metadata', 'has a name that is not letters, digits, "-", "_", "." and "/"');
    checkText(`metadata/${name}`, text);
  }
  for (const [index, item] of spec.mayAssert.entries()) {
    if (!MAY_ASSERT.has(item)) throw fault(`mayAssert/${index}`, `must be one of ${[...MAY_ASSERT].join(', ')}`);
  }
  if (!ORIGINS.has(spec.origin)) throw fault('origin', `must be one of ${[...ORIGINS].filter(Boolean).join(', ')}`);
  if (!ROLES.has(spec.role)) throw fault('role', 'is unknown');
  if (!(spec.expiresAtMs >= 0 && spec.expiresAtMs <= MAX_TIME_MS)) throw fault('expiresAt', 'is not a time');
  return spec;
}

/** Tells whether two specs say the same. */
export function sameSpec(a: KeySpec, b: KeySpec): boolean {
  return equals(KeySpecSchema, a, b);
}

function checkText(path: string, text: string): void {
  if (text.length > MAX_TEXT) throw fault(path, `is longer than ${MAX_TEXT} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(text)) throw fault(path, 'contains control characters');
}

function fault(path: string, what: string): GatewayError {
  return new GatewayError('invalid_request', `The key's ${path} ${what}.`, { details: { path: `/${path}` } });
}
