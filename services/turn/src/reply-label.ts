import { join, type Label } from './label.ts';

/**
 * The label of what an agent of the gateway's own answered. Whatever a model call returns carries the join of its inputs
 * (DESIGN §5), and here these are known: `read`. Policy's label of the result adds who may see it, and lowers it where a
 * rule (not a default of the gate, `builtin/`) says that it is untrusted. No rule raises it.
 */
export function replyLabel(read: Label, decided: Label, rule: string | undefined): Label {
  const both = join(decided, read);
  const isRuled = decided.integrity === 'untrusted' && rule !== undefined && !rule.startsWith('builtin/');
  return isRuled ? both : { ...read, audience: both.audience };
}
