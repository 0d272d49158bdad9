import { type Condition, type Finding, findCondition, kinds, setCondition } from '@sallyport/custom-resources';
import { canonicalJson, type Entry, type Status } from '../entry.ts';
import type { Occurrence } from '../source/source.ts';

/** The next status of an entry, and whether it says anything else than the last. */
export function nextStatus(
  entry: Entry,
  findings: readonly Finding[],
  fields: Readonly<Record<string, unknown>>,
  now: Date,
): { readonly status: Status; readonly changed: boolean } {
  const order = kinds[entry.kind].conditions;
  let conditions: Condition[] = [...(entry.status.conditions ?? [])];
  for (const finding of findings) conditions = setCondition(conditions, finding, entry.generation, now);
  conditions.sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
  const merged: Record<string, unknown> = { ...entry.status, ...fields };
  for (const [name, value] of Object.entries(merged)) if (value === undefined) delete merged[name];
  const status: Status = { ...merged, conditions, observedGeneration: entry.generation };
  return { status, changed: canonicalJson(status) !== canonicalJson(entry.status) };
}

/** What is worth an event: `Ready` turned, or the resource is refused for another reason than before. */
export function occurrences(before: Status, after: Status): Occurrence[] {
  const told: Occurrence[] = [];
  const ready = [findCondition(before.conditions, 'Ready'), findCondition(after.conditions, 'Ready')] as const;
  const accepted = [findCondition(before.conditions, 'Accepted'), findCondition(after.conditions, 'Accepted')] as const;
  const refused = accepted[1]?.status === 'False';
  if (refused && (accepted[0]?.status !== 'False' || accepted[0].message !== accepted[1]?.message)) {
    told.push({ type: 'Warning', reason: accepted[1]?.reason ?? 'Invalid', note: accepted[1]?.message ?? '' });
  } else if (ready[1] !== undefined && ready[1].status !== 'Unknown' && !refused) {
    const turned =
      ready[0]?.status !== ready[1].status || (ready[1].status === 'False' && ready[0].reason !== ready[1].reason);
    const type = ready[1].status === 'True' ? 'Normal' : 'Warning';
    if (turned) told.push({ type, reason: ready[1].reason, note: ready[1].message });
  }
  return told;
}
