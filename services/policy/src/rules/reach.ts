import { createHash } from 'node:crypto';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Mode } from '@sallyport/turn/decision';
import type { CompiledRule, ToolPolicyUnit } from '../snapshot/units.ts';

/** For whom rules are asked, and what they do where they do not say. */
export interface Reach {
  readonly posture: Mode;
  readonly principal: Principal;
}

/**
 * Whether a rule acts for a principal: its own mode, else that of its policy, else the posture of the installation.
 * Outside its share of principals it only observes.
 */
export function effectiveMode(rule: CompiledRule, policy: ToolPolicyUnit, reach: Reach): Mode {
  const mode = rule.mode ?? policy.mode ?? reach.posture;
  if (mode === 'observe' || rule.rollout === undefined) return mode;
  return inRollout(rule.id, rule.rollout, reach.principal) ? 'enforce' : 'observe';
}

/** Tells whether a principal is in a rule's share: always the same for the same person and rule, whatever the key. */
export function inRollout(rule: string, percent: number, principal: Principal): boolean {
  const who = principal.user === '' ? principal.id : `user:${principal.user}`;
  const hash = createHash('sha256')
    .update(JSON.stringify([principal.tenant, who, rule]))
    .digest();
  return (hash.readUInt32BE(0) / 2 ** 32) * 100 < percent;
}
