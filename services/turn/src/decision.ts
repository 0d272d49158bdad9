import type { Label } from './label.ts';

/** What a rule wants done with a call, a tool or a result. */
export type Verdict = 'allow' | 'deny' | 'hide' | 'ask' | 'quarantine';

/** Whether a rule acts, or only says what it would do. */
export type Mode = 'enforce' | 'observe';

/** What one rule says. `reason` and `rule` are written by the rule's author and hold no untrusted text. */
export type RuleOutcome = {
  readonly verdict: Verdict;
  readonly mode: Mode;
  readonly rule: string;
  readonly reason: string;
  /** Higher wins among outcomes of the same verdict; 0 where unsaid. */
  readonly priority?: number;
  /** An invariant acts whatever its mode (DESIGN §5: Observe never covers invariants). */
  readonly invariant?: boolean;
};

/** The one answer about a call, a tool or a result; verdict and enforced differ only in Observe mode. */
export type Decision = {
  readonly verdict: Verdict;
  /** What is done. */
  readonly enforced: Verdict;
  readonly mode: Mode;
  readonly rule: string;
  readonly reason: string;
  readonly policyRevision: string;
  /** Who decided what is done, where that is not `rule`: a weaker rule that acts below one in Observe. */
  readonly enforcedBy?: { readonly rule: string; readonly reason: string };
};

/** What a tool may do to the world; a tool can have several classes. */
export type ToolClass = 'read' | 'write' | 'egress' | 'sensitive';

/** What follows from a class alone. */
export type ClassTraits = {
  /** The call changes something or tells somebody something. */
  readonly sideEffect: boolean;
  /** The call is refused while something untrusted is in play, unless a ToolPolicy speaks for it. */
  readonly refusedWhenTainted: boolean;
};

/** The class table. */
export const TOOL_CLASSES: Readonly<Record<ToolClass, ClassTraits>> = Object.freeze({
  read: Object.freeze({ sideEffect: false, refusedWhenTainted: false }),
  write: Object.freeze({ sideEffect: true, refusedWhenTainted: true }),
  egress: Object.freeze({ sideEffect: true, refusedWhenTainted: true }),
  sensitive: Object.freeze({ sideEffect: true, refusedWhenTainted: true }),
});

/** The classes of a tool of which nothing was declared: all that can do harm. */
export const UNDECLARED_CLASSES: readonly ToolClass[] = Object.freeze(['write', 'egress', 'sensitive']);

const STRENGTH: Readonly<Record<Verdict, number>> = { deny: 4, ask: 3, hide: 2, quarantine: 1, allow: 0 };

/** Reads declared classes; none, or one that is not in the table, counts as undeclared. */
export function classesOf(declared: readonly string[] | undefined): readonly ToolClass[] {
  if (declared === undefined || declared.length === 0) return UNDECLARED_CLASSES;
  return declared.every((one): one is ToolClass => Object.hasOwn(TOOL_CLASSES, one)) ? declared : UNDECLARED_CLASSES;
}

/** Tells whether a tool of these classes has side effects; a tool of no class has. */
export function hasSideEffect(classes: readonly ToolClass[]): boolean {
  return classes.length === 0 || classes.some((one) => TOOL_CLASSES[one].sideEffect);
}

function beats(a: RuleOutcome, b: RuleOutcome): boolean {
  const strength = STRENGTH[a.verdict] - STRENGTH[b.verdict];
  if (strength !== 0) return strength > 0;
  // Of two denials, the one that acts is the reason to give.
  if (acts(a) !== acts(b)) return acts(a);
  const priority = (a.priority ?? 0) - (b.priority ?? 0);
  if (priority !== 0) return priority > 0;
  return a.rule < b.rule;
}

function acts(outcome: RuleOutcome): boolean {
  return outcome.mode === 'enforce' || outcome.invariant === true;
}

/**
 * Combines what all matching rules say: deny overrides ask, then hide, quarantine, allow; inside a verdict the highest
 * priority names the reason. A rule in Observe counts for the verdict and as allow for what is enforced.
 * No rule at all is a denial.
 */
export function combine(outcomes: readonly RuleOutcome[], policyRevision: string): Decision {
  let said: RuleOutcome | undefined;
  let done: RuleOutcome | undefined;
  for (const outcome of outcomes) {
    if (said === undefined || beats(outcome, said)) said = outcome;
    if (acts(outcome) && (done === undefined || beats(outcome, done))) done = outcome;
  }
  if (said === undefined) return deny('default-deny', 'No rule allows this.', policyRevision);
  const { verdict, rule, reason } = said;
  if (acts(said)) return { verdict, enforced: verdict, mode: 'enforce', rule, reason, policyRevision };
  const decision: Decision = {
    verdict,
    enforced: done?.verdict ?? 'allow',
    mode: 'observe',
    rule,
    reason,
    policyRevision,
  };
  return done === undefined ? decision : { ...decision, enforcedBy: { rule: done.rule, reason: done.reason } };
}

/** Makes an enforced denial, as for a failure that has to end in refusal. */
export function deny(rule: string, reason: string, policyRevision: string): Decision {
  return { verdict: 'deny', enforced: 'deny', mode: 'enforce', rule, reason, policyRevision };
}

/** Makes an enforced permission. */
export function allow(rule: string, reason: string, policyRevision: string): Decision {
  return { verdict: 'allow', enforced: 'allow', mode: 'enforce', rule, reason, policyRevision };
}

/** Name of the built-in rule in decisions and records. */
export const SIDE_EFFECT_RULE = 'builtin/side-effects';

/**
 * The built-in side-effect rule: while something untrusted is in play, tools that write, send or touch what is
 * sensitive are hidden from a model request and denied as a call. The policy service adds its outcome where no
 * ToolPolicy rule speaks of that tool in that state.
 */
export function sideEffectRule(
  inPlay: Label,
  classes: readonly ToolClass[],
  phase: 'request' | 'call',
  mode: Mode,
): RuleOutcome {
  const refused =
    inPlay.integrity === 'untrusted' &&
    (classes.length === 0 || classes.some((one) => TOOL_CLASSES[one].refusedWhenTainted));
  if (!refused)
    return { verdict: 'allow', mode: 'enforce', rule: SIDE_EFFECT_RULE, reason: 'Nothing speaks against it.' };
  return {
    verdict: phase === 'request' ? 'hide' : 'deny',
    mode,
    rule: SIDE_EFFECT_RULE,
    reason: 'Untrusted content is in play, so tools with side effects are not available.',
  };
}

/** What becomes of one call of a batch in the client-owned loop. */
export type CallFate = 'released' | 'refused' | 'not run' | 'waiting';

/** What becomes of a batch in the client-owned loop. */
export type BatchFate = {
  /** `release` all, `refuse` all, or `ask`: hold all until the approvals are in. */
  readonly outcome: 'release' | 'refuse' | 'ask';
  /** One for each call, in order. */
  readonly calls: readonly CallFate[];
};

/** Tells whether a call may be let go; `quarantine` on a call lets it go and quarantines its result. */
export function mayRun(decision: Decision): boolean {
  return decision.enforced === 'allow' || decision.enforced === 'quarantine';
}

/**
 * The batch rule of the client-owned loop: the gate cannot take back a released call, so one refusal holds all, and
 * the model hears of each call that it was refused or not run (DESIGN §4).
 */
export function batchFate(decisions: readonly Decision[]): BatchFate {
  const refused = decisions.some((one) => !mayRun(one) && one.enforced !== 'ask');
  if (refused) {
    const calls = decisions.map((one): CallFate => (mayRun(one) || one.enforced === 'ask' ? 'not run' : 'refused'));
    return { outcome: 'refuse', calls };
  }
  if (decisions.some((one) => one.enforced === 'ask')) return { outcome: 'ask', calls: decisions.map(() => 'waiting') };
  return { outcome: 'release', calls: decisions.map(() => 'released') };
}
