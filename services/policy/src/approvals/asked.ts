import { durationMs } from '@sallyport/custom-resources/fields';
import type { CallJudgement } from '../evaluate.ts';
import type { AskingRule } from '../rules/outcomes.ts';
import type { OriginFields } from '../rules/provenance.ts';
import type { ApprovalContent, AskedValue } from './approval.ts';

// Said in the documentation of ToolPolicy.spec.approvers.
const DEFAULT_VALID = '1h';
// What nobody would read is not shown value by value; the arguments are there in full.
const MAX_VALUES = 256;

/**
 * Who decides, and for how long the question stands. Where several policies ask, a person has to be among the approvers
 * of each, as many say yes as the strictest wants, and the shortest time counts.
 */
export function approversOf(
  asking: readonly AskingRule[],
): Pick<ApprovalContent, 'approvers' | 'needed' | 'validMs' | 'remindMs'> {
  const policies = [...new Map(asking.map(({ policy }) => [policy.name, policy])).values()];
  const reminders = policies.flatMap(({ approvers }) =>
    approvers?.remindAfter === undefined ? [] : [durationMs(approvers.remindAfter)],
  );
  return {
    approvers: policies.map(({ approvers }) => ({
      users: approvers?.users ?? [],
      teams: approvers?.teams ?? [],
      administratorsOnAbsence: approvers?.onAbsence === 'Administrators',
    })),
    needed: Math.max(1, ...policies.map(({ approvers }) => approvers?.needed ?? 1)),
    validMs: Math.min(...policies.map(({ approvers }) => durationMs(approvers?.expiresAfter ?? DEFAULT_VALID))),
    remindMs: reminders.length === 0 ? undefined : Math.min(...reminders),
  };
}

/** The values of a call as they are shown: first those that a rule asks about. */
export function valuesOf(judgement: CallJudgement, origins: readonly OriginFields[]): AskedValue[] {
  const asked = new Set(judgement.decision.asked);
  const looksLike = new Map(origins.map((one) => [one.pointer, one.looksLike ?? '']));
  const leaves = (judgement.provenance?.leaves([]) ?? []).filter((leaf) => !leaf.name || asked.has(leaf.pointer));
  const values = leaves.map(
    (leaf): AskedValue => ({
      pointer: leaf.pointer,
      valueJson: JSON.stringify(leaf.value),
      origin: leaf.origin,
      from: leaf.from,
      path: leaf.path,
      looksLike: looksLike.get(leaf.pointer) ?? '',
      asked: asked.has(leaf.pointer),
    }),
  );
  return [...values.filter((one) => one.asked), ...values.filter((one) => !one.asked).slice(0, MAX_VALUES)];
}
