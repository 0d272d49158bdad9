import { Action, type Decision as WireDecision, type Label as WireLabel } from '@sallyport/proto/policy/v1/policy_pb';
import { type Decision, type Label, label, UNLABELLED, type Verdict } from '@sallyport/turn';

const VERDICTS: Readonly<Record<Action, Verdict>> = {
  // What policy did not say is a denial.
  [Action.UNSPECIFIED]: 'deny',
  [Action.ALLOW]: 'allow',
  [Action.DENY]: 'deny',
  [Action.HIDE]: 'hide',
  [Action.ASK]: 'ask',
  [Action.QUARANTINE]: 'quarantine',
};

/** Reads a label from the wire; absent is untrusted and for nobody. */
export function labelOf(wire: WireLabel | undefined): Label {
  if (!wire) return UNLABELLED;
  return label(wire.trusted ? 'trusted' : 'untrusted', wire.sources, wire.public ? 'public' : wire.audience);
}

/** Writes a label for the wire. */
export function wireLabel(of: Label) {
  return {
    trusted: of.integrity === 'trusted',
    sources: [...of.sources],
    public: of.audience === 'public',
    audience: of.audience === 'public' ? [] : [...of.audience],
  };
}

/** Reads a decision from the wire. */
export function decisionOf(wire: WireDecision): Decision {
  return {
    verdict: VERDICTS[wire.verdict] ?? 'deny',
    enforced: VERDICTS[wire.enforced] ?? 'deny',
    mode: wire.observe ? 'observe' : 'enforce',
    rule: wire.rule,
    reason: wire.reason,
    policyRevision: wire.policyRevision,
  };
}
