import { bad } from './faults.ts';
import type { Filter } from './filter.ts';
import { isObject, type Json, memberOf } from './json.ts';
import { holds } from './matching.ts';
import type { Operation } from './patch.ts';
import { MAX_EXTERNAL_ID, textIn, textOf } from './texts.ts';

/** A step of a change of a group's members: ids that come or go, all, or those for whom a filter holds. */
export type MemberStep =
  | { readonly step: 'add'; readonly ids: readonly string[] }
  | { readonly step: 'remove'; readonly ids: readonly string[] }
  | { readonly step: 'clear' }
  | { readonly step: 'remove-where'; readonly filter: Filter };

/** What a PATCH does to a group: names that are set, and steps on its members in order, so that large groups stay where they are. */
export interface GroupChanges {
  readonly name: string | undefined;
  /** Undefined: as it was; '' takes it away. */
  readonly externalId: string | undefined;
  readonly members: readonly MemberStep[];
}

const MAX_MEMBERS = 100_000;
const MAX_NAME = 253;
const MAX_ID = 128;
/** Filters of one request that look at all members of the group. */
const MAX_LOOKS = 16;

/** Reads the operations of a PATCH on a group. */
export function groupChanges(operations: readonly Operation[]): GroupChanges {
  let name: string | undefined;
  let externalId: string | undefined;
  const members: MemberStep[] = [];
  for (const { op, path, value } of operations) {
    const attribute = path.path.length === 1 ? path.path[0]?.toLowerCase() : undefined;
    if (attribute === 'displayname' && op !== 'remove') name = groupName(value);
    else if (attribute === 'externalid') {
      externalId = op === 'remove' ? '' : textIn(value ?? '', 'externalId', MAX_EXTERNAL_ID);
    } else if (attribute === 'members') members.push(...memberSteps(op, path.filter, value));
    else if (attribute === 'id' || attribute === 'displayname')
      throw bad('mutability', `${attribute} cannot be changed so.`);
    // Other attributes are not kept, and clients send them all the same.
  }
  if (members.filter(({ step }) => step === 'remove-where').length > MAX_LOOKS) {
    throw bad('tooMany', 'Too many filters on members: name them by their ids.');
  }
  return { name, externalId, members: joined(members) };
}

/** Steps of one kind that follow each other as one: clients send an operation for each member. */
function joined(steps: readonly MemberStep[]): MemberStep[] {
  const all: { readonly one: MemberStep; readonly ids: Set<string> | undefined }[] = [];
  for (const one of steps) {
    const last = all.at(-1);
    if ('ids' in one && last?.ids !== undefined && last.one.step === one.step) {
      // Added to in place: a copy for each of a thousand operations would hold the process up for seconds.
      for (const id of one.ids) last.ids.add(id);
    } else all.push({ one, ids: 'ids' in one ? new Set(one.ids) : undefined });
  }
  return all.map(({ one, ids }) => (ids !== undefined && 'ids' in one ? { ...one, ids: [...ids] } : one));
}

function memberSteps(op: Operation['op'], filter: Filter | undefined, value: unknown): MemberStep[] {
  if (filter !== undefined) {
    if (op !== 'remove') throw bad('invalidPath', 'Members that a filter chooses can only be removed.');
    const ids = idsIn(filter);
    return [ids === undefined ? { step: 'remove-where', filter } : { step: 'remove', ids }];
  }
  const given = value === undefined || value === null || value === '';
  // The RFC removes all of them; Entra names them in the value.
  if (op === 'remove')
    return given || isEmpty(value) ? [{ step: 'clear' }] : [{ step: 'remove', ids: memberIds(value) }];
  const ids = given ? [] : memberIds(value);
  return op === 'add' ? [{ step: 'add', ids }] : [{ step: 'clear' }, { step: 'add', ids }];
}

const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0;

/** The ids that a filter such as `value eq "…" or value eq "…"` names; undefined where it says something else. */
function idsIn(filter: Filter): string[] | undefined {
  if (filter.kind === 'or') {
    const parts = filter.parts.map(idsIn);
    return parts.includes(undefined) ? undefined : parts.flatMap((ids) => ids ?? []);
  }
  const isId = filter.kind === 'compare' && filter.operator === 'eq' && filter.path.join('.').toLowerCase() === 'value';
  return isId && typeof filter.value === 'string' ? [filter.value] : undefined;
}

/** Ids of members as clients write them: objects with `value`, or texts. */
export function memberIds(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length > MAX_MEMBERS) throw bad('tooMany', `A group has at most ${MAX_MEMBERS} members.`);
  const ids = list.map((one) => {
    const id = isObject(one) ? memberOf(one, 'value') : one;
    if (id === undefined || id === '') throw bad('invalidValue', 'A member needs the id of a User.');
    return textIn(id, 'The id of a member', MAX_ID);
  });
  return [...new Set(ids)];
}

/** Tells which members a filter chooses. */
export function chosenMembers(
  filter: Filter,
  members: readonly { readonly id: string; readonly name: string; readonly displayName: string }[],
): string[] {
  return members
    .filter(({ id, name, displayName }) => holds(filter, { value: id, display: displayName || name, type: 'User' }))
    .map(({ id }) => id);
}

/** A whole Group resource as a client writes it. */
export function readGroup(given: unknown): { name: string; externalId: string | undefined; members: string[] } {
  if (!isObject(given)) throw bad('invalidSyntax', 'Send a Group resource.');
  const members = memberOf(given, 'members');
  return {
    name: groupName(memberOf(given as Json, 'displayName')),
    externalId: textOf(given, 'externalId', MAX_EXTERNAL_ID) || undefined,
    members: members === undefined || members === null ? [] : memberIds(members),
  };
}

function groupName(value: unknown): string {
  const name = typeof value === 'string' ? value.normalize('NFC').trim() : '';
  if (name === '') throw bad('invalidValue', 'displayName is required.');
  if (name.length > MAX_NAME || /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(name)) {
    throw bad('invalidValue', `displayName has at most ${MAX_NAME} characters, all visible.`);
  }
  return name;
}
