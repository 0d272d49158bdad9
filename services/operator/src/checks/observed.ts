import { type Finding, findCondition } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';
import type { Observed } from '../observations.ts';
import { unknown } from './findings.ts';

/**
 * Joins what the operator found itself with what services observed. Of one condition, the operator's False stands;
 * then a service's False; then the operator's word. Conditions that only services can know stay as the status has
 * them, or Unknown, until one speaks.
 */
export function observedFindings(
  entry: Pick<Entry, 'status'>,
  observed: Observed | undefined,
  own: readonly Finding[],
  seenOnly: readonly string[],
): Finding[] {
  const joined = own.map((finding) => {
    const seen = findCondition(observed?.findings, finding.type);
    return finding.status === 'True' && seen?.status === 'False' ? seen : finding;
  });
  const others = seenOnly.map(
    (type) =>
      findCondition(observed?.findings, type) ??
      findCondition(entry.status.conditions, type) ??
      unknown(type, 'NotObserved', 'no service has reported yet'),
  );
  return [...joined, ...others.map(({ type, status, reason, message }) => ({ type, status, reason, message }))];
}
