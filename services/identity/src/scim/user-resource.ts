import { personName } from '@sallyport/custom-resources/person-name';
import type { WrittenPerson } from '../directory/people.ts';
import type { Person } from '../directory/person.ts';
import { bad } from './faults.ts';
import { isObject, type Json, memberOf } from './json.ts';
import { CORE_USER, ENTERPRISE } from './schema-names.ts';
import { MAX_EXTERNAL_ID, MAX_TEXT, textOf } from './texts.ts';

/** Attributes that are kept as they come; others are taken and forgotten, passwords above all. */
const KEPT = [
  ...['name', 'nickName', 'title', 'userType', 'preferredLanguage', 'locale', 'timezone', 'profileUrl'],
  ...['emails', 'phoneNumbers', 'addresses', 'roles', 'entitlements', ENTERPRISE],
];
const MULTI_VALUED = new Set(['emails', 'phoneNumbers', 'addresses', 'roles', 'entitlements']);
const COMPLEX = new Set(['name', ENTERPRISE]);
const MAX_LIST = 256;
const MAX_NAME = 256;
const MAX_DEPTH = 4;
const MAX_SIZE = 64 * 1024;

/** The User resource of a person; `base` is where resources stand, for example `https://host/scim/v2`. */
export function userResource(person: Person, base: string): Json {
  const { id, name, displayName, externalId, active, attributes, groups, createdAtMs, changedAtMs, revision } = person;
  const location = `${base}/Users/${id}`;
  return {
    schemas: Object.hasOwn(attributes, ENTERPRISE) ? [CORE_USER, ENTERPRISE] : [CORE_USER],
    id,
    ...(externalId === undefined ? {} : { externalId }),
    userName: name,
    ...(displayName === '' ? {} : { displayName }),
    active,
    ...attributes,
    groups: groups.map((group) => ({ value: group.id, display: group.name, $ref: `${base}/Groups/${group.id}` })),
    meta: metaOf('User', location, { createdAtMs, changedAtMs, revision }),
  };
}

/** The `meta` of a resource; its version is a weak ETag. */
export function metaOf(
  resourceType: 'User' | 'Group',
  location: string,
  of: { readonly createdAtMs: number; readonly changedAtMs: number; readonly revision: number },
): Json {
  return {
    resourceType,
    created: new Date(of.createdAtMs).toISOString(),
    lastModified: new Date(of.changedAtMs).toISOString(),
    location,
    version: versionOf(of.revision),
  };
}

/** A revision as ETag. */
export function versionOf(revision: number): string {
  return `W/"${revision}"`;
}

/**
 * Reads a User resource. Throws `invalidValue` with the attribute. `otherwiseActive`: what holds where it does not say so;
 * an update that leaves `active` out brings nobody back.
 */
export function readUser(given: unknown, otherwiseActive: boolean): WrittenPerson {
  if (!isObject(given)) throw bad('invalidSyntax', 'Send a User resource.');
  const userName = textOf(given, 'userName');
  if (userName === undefined || userName.trim() === '') throw bad('invalidValue', 'userName is required.');
  const attributes: Json = {};
  for (const name of KEPT) {
    const value = memberOf(given, name);
    if (value === undefined || value === null) continue;
    attributes[name] = shaped(name, value);
  }
  checkSize(attributes);
  return {
    name: personName(userName),
    displayName: textOf(given, 'displayName') ?? '',
    externalId: textOf(given, 'externalId', MAX_EXTERNAL_ID) || undefined,
    active: truthOf(memberOf(given, 'active'), otherwiseActive),
    attributes,
  };
}

function shaped(name: string, value: unknown): unknown {
  if (MULTI_VALUED.has(name)) {
    const list = (Array.isArray(value) ? value : [value]).map((one) => (isObject(one) ? one : { value: one }));
    if (list.length > MAX_LIST) throw bad('invalidValue', `${name} has at most ${MAX_LIST} values.`);
    return list.map((one) => plain(one));
  }
  if (COMPLEX.has(name)) {
    if (!isObject(value)) throw bad('invalidValue', `${name} must be an object.`);
    const manager = memberOf(value, 'manager');
    // Entra sends the manager's id as it is.
    return plain(typeof manager === 'string' ? { ...value, manager: { value: manager } } : value);
  }
  if (typeof value !== 'string') throw bad('invalidValue', `${name} must be text.`);
  return plain(value);
}

/** A copy as the database can keep it, bounded in depth and text. */
function plain(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw bad('invalidValue', 'An attribute nests too deep.');
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) throw bad('invalidValue', `A text has at most ${MAX_TEXT} characters.`);
    return storable(value);
  }
  if (Array.isArray(value)) return value.map((one) => plain(one, depth + 1));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([name]) => name !== '__proto__');
  if (entries.some(([name]) => name.length > MAX_NAME))
    throw bad('invalidValue', 'The name of an attribute is too long.');
  return Object.fromEntries(entries.map(([name, one]) => [storable(name), plain(one, depth + 1)]));
}

// Postgres keeps neither NUL nor half a character in JSON.
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '');
}

function checkSize(attributes: Json): void {
  if (JSON.stringify(attributes).length > MAX_SIZE) throw bad('invalidValue', 'The attributes are too large.');
}

// Entra writes truth values as text.
function truthOf(value: unknown, otherwise: boolean): boolean {
  if (value === undefined || value === null || value === '') return otherwise;
  const said = typeof value === 'string' ? value.toLowerCase() : value;
  if (said === true || said === 'true') return true;
  if (said === false || said === 'false') return false;
  throw bad('invalidValue', 'active must be true or false.');
}
