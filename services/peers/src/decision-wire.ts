import { Action, type Decision as WireDecision, type Label as WireLabel } from '@sallyport/proto/policy/v1/policy_pb';
import { type Decision, type Label, label, TRUSTED, UNLABELLED, type Verdict } from '@sallyport/turn';

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
export function wireLabel(of: Label): {
  readonly trusted: boolean;
  readonly sources: string[];
  readonly public: boolean;
  readonly audience: string[];
} {
  // What most labels are.
  if (of === TRUSTED) return TRUSTED_WIRE;
  return {
    trusted: of.integrity === 'trusted',
    sources: [...of.sources],
    public: of.audience === 'public',
    audience: of.audience === 'public' ? [] : [...of.audience],
  };
}

const NOBODY = Object.freeze([]) as unknown as string[];
const TRUSTED_WIRE = Object.freeze({ trusted: true, sources: NOBODY, public: true, audience: NOBODY });

/** Reads a decision from the wire; what is not a known verdict is a denial. */
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

const MAX_RESULT_JSON = 256 * 1024;
const UNREADABLE = '{';

/**
 * Structured content as rules on results are given it; '' for none. What is longer than 256 Ki characters is sent as
 * JSON that cannot be read: a rule that looks at it then fails, which denies, while of no content at all it would say
 * that nothing in it speaks against it.
 */
export function resultForRules(structuredJson: string): string {
  return structuredJson.length <= MAX_RESULT_JSON ? structuredJson : UNREADABLE;
}
