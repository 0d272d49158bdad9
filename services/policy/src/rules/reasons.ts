import type { ProvenanceUse } from '@sallyport/custom-resources/rule-provenance';
import { ANSWERS } from '@sallyport/turn/answers';
import type { AskingRule } from './outcomes.ts';
import type { Provenance } from './provenance.ts';

/** Pointers of the values that asking rules are about and nobody vouched for, each once. */
export function askedPointers(asking: readonly AskingRule[], provenance: Provenance): readonly string[] {
  return [...new Set(usesOf(asking).flatMap((use) => provenance.unvouched(use).map((leaf) => leaf.pointer)))].sort();
}

/**
 * Why a person is asked: the rule's own words and the arguments that it is about. They are named as the rule names
 * them, since what stands below may have names that others chose.
 */
export function askReason(reason: string, asking: readonly AskingRule[], provenance: Provenance): string {
  const paths = usesOf(asking)
    .filter((use) => provenance.unvouched(use).length > 0)
    .map(({ path }) => (path[0] === ANSWERS ? ['answers', ...path.slice(1)] : ['args', ...path]).join('.'));
  const named = [...new Set(paths)].sort();
  if (named.length === 0) return `${reason} A person is asked about this call.`;
  return `${reason} A person is asked, as nobody vouched for ${named.join(', ')}.`;
}

/** Why a call passes that a rule asks about. */
export function grantedReason(asked: string, by: 'approval' | 'endorsement'): string {
  const why = by === 'approval' ? 'A person approved exactly this call' : 'A person endorsed its values';
  return `${why}. Asked because: ${asked}`;
}

// A rule without a condition asks because no condition of its policy held: what those that allow wanted is what it asks.
function usesOf(asking: readonly AskingRule[]): readonly ProvenanceUse[] {
  return asking.flatMap(({ rule, policy }) => {
    const rules = rule.when === undefined ? policy.calls.filter((one) => one.action === 'Allow') : [rule];
    return rules.flatMap(({ when }) => (typeof when === 'object' ? when.uses : []));
  });
}
