import { type Fault, type Finding, isKind, type Kind, toolPolicyFaults } from '@sallyport/custom-resources';
import { byAge, type Entry } from '../entry.ts';
import type { View } from '../source/source.ts';
import { heldClientId } from './client.ts';
import { fails, holds } from './findings.ts';

/** Whether a resource is accepted as it is written: its condition `Accepted`. Only accepted specs come into force. */
export function acceptance(entry: Entry, view: View): Finding {
  const own = ownAcceptance(entry);
  if (own.status !== 'True') return own;
  if (entry.kind === 'Client') return heldClientId(entry as Entry<'Client'>, view) ?? own;
  return entry.kind === 'Model' ? (heldName(entry as Entry<'Model'>, view) ?? own) : own;
}

// What needs no other resource is worked out once for a spec, however often the status changes.
const worked = new WeakMap<Entry['parsed'], Finding>();

function ownAcceptance(entry: Entry): Finding {
  const known = worked.get(entry.parsed);
  if (known !== undefined) return known;
  const finding = work(entry);
  worked.set(entry.parsed, finding);
  return finding;
}

function work(entry: Entry): Finding {
  if (!entry.parsed.ok) return fails('Accepted', 'Invalid', listed(entry.parsed.faults));
  const resource = entry.parsed.value;
  if (!isKind(resource.kind)) return fails('Accepted', 'Invalid', 'unknown kind');
  if (resource.kind === 'ToolPolicy') {
    const faults = toolPolicyFaults(resource.spec);
    const [first] = faults;
    if (first !== undefined) return fails('Accepted', first.reason, listed(faults));
  }
  return holds('Accepted', 'Accepted');
}

function listed(faults: readonly Fault[]): string {
  const shown = faults.slice(0, 10).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return faults.length > shown.length
    ? `${shown.join('; ')}; and ${faults.length - shown.length} more`
    : shown.join('; ');
}

/** The public name of a model that is valid in itself. */
export function publicNameOf(entry: Entry<'Model'>): string | undefined {
  return entry.parsed.ok ? (entry.parsed.value.spec.publicName ?? entry.name) : undefined;
}

// The oldest resource holds a contested name (DESIGN §6), so that nobody takes a name over by creating a resource.
function heldName(entry: Entry<'Model'>, view: View): Finding | undefined {
  const name = publicNameOf(entry);
  const [holder] = view
    .list('Model', entry.tenant)
    .filter((other) => publicNameOf(other) === name)
    .sort(byAge);
  if (holder === undefined || holder.uid === entry.uid) return undefined;
  return fails('Accepted', 'NameTaken', `spec.publicName: "${name}" is held by the older Model ${holder.name}`);
}

/** The kinds whose conditions look at resources of a kind. */
export const dependents: Readonly<Record<Kind, readonly Kind[]>> = {
  ModelProvider: ['Model', 'ToolPolicy'],
  Model: ['Model', 'ToolPolicy', 'AccessPolicy'],
  ToolServer: ['ToolPolicy', 'AccessPolicy', 'Toolset'],
  Toolset: [],
  // One that denies what clients declare closes a gap of the others.
  AccessPolicy: ['AccessPolicy'],
  ToolPolicy: ['AccessPolicy'],
  Limit: [],
  IdentityProvider: ['Client'],
  Client: ['Client', 'AccessPolicy'],
  Team: [],
  VirtualKey: ['AccessPolicy'],
};

/** The kinds whose status too is looked at by others: whether a provider answers, which tools a server has. */
export const statusDependents: ReadonlySet<Kind> = new Set(['ModelProvider', 'ToolServer']);
