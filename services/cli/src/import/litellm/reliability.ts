import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';

/** `retry` of a Model. */
export interface Retry {
  readonly attempts: number;
  readonly causes?: readonly string[];
}

const MOST_ATTEMPTS = 5;
/** What LiteLLM does where nothing is said. */
const ATTEMPTS = 2;

const POLICY = {
  TimeoutErrorRetries: ['Timeout'],
  RateLimitErrorRetries: ['RateLimit'],
  InternalServerErrorRetries: ['ServerError', 'Malformed', 'Connection'],
  ServiceUnavailableErrorRetries: ['Overloaded'],
} as const;
const NEVER = [
  'BadRequestErrorRetries',
  'AuthenticationErrorRetries',
  'ContentPolicyViolationErrorRetries',
  'NotFoundErrorRetries',
] as const;

/** How often failed calls are repeated, by name of the model. */
export function retriesOf(router: Settings, litellm: Settings, findings: Findings): (group: string) => Retry {
  const [first, second] = [router.number('num_retries'), litellm.number('num_retries')];
  const said = first ?? second;
  if (said !== undefined && said > MOST_ATTEMPTS) {
    const where = first === undefined ? litellm : router;
    findings.add('changed', where.at('num_retries'), `at most ${MOST_ATTEMPTS} further attempts`);
  }
  const attempts = Math.min(MOST_ATTEMPTS, said ?? ATTEMPTS);
  const all = router.has('retry_policy') ? policyOf(router.section('retry_policy'), attempts, findings) : { attempts };
  const groups = router.section('model_group_retry_policy');
  const ofGroup = new Map(groups.names.map((name) => [name, policyOf(groups.section(name), attempts, findings)]));
  return (group) => ofGroup.get(group) ?? all;
}

function policyOf(policy: Settings, otherwise: number, findings: Findings): Retry {
  const general = policy.number('DefaultRetries') ?? otherwise;
  const counts = Object.entries(POLICY).map(([name, causes]) => ({ causes, count: policy.number(name) ?? general }));
  for (const name of NEVER) {
    if ((policy.number(name) ?? 0) > 0) {
      findings.add('not-carried', policy.at(name), 'what would fail alike is not tried again at the same target');
    }
  }
  const most = Math.max(...counts.map(({ count }) => count));
  const repeated = counts.filter(({ count }) => count > 0);
  if (repeated.some(({ count }) => count !== most)) {
    findings.add('changed', policy.path, `one number of attempts for all failures: ${Math.min(MOST_ATTEMPTS, most)}`);
  }
  return { attempts: Math.min(MOST_ATTEMPTS, most), causes: repeated.flatMap(({ causes }) => causes) };
}

/** `breaker` of Models with several targets; LiteLLM never shuts the only deployment of a model. */
export function breakerOf(router: Settings, litellm: Settings, findings: Findings): Readonly<Record<string, number>> {
  const [inRouter, beside] = [router.number('allowed_fails'), litellm.number('allowed_fails')];
  const allowed = inRouter ?? beside;
  const rest = router.number('cooldown_time') ?? 5;
  const openSeconds = Math.max(1, Math.min(600, Math.round(rest)));
  if (openSeconds !== rest) findings.add('changed', router.at('cooldown_time'), `became ${openSeconds} s`);
  if (allowed !== undefined) {
    const where = inRouter === undefined ? litellm : router;
    const why = 'counts failures that are at least half of the calls of a minute; the pause doubles with failed probes';
    findings.add('changed', where.at('allowed_fails'), why);
  }
  if (router.flag('disable_cooldowns') === true) {
    findings.add('not-carried', router.at('disable_cooldowns'), 'a target that fails is always left alone for a while');
  }
  const minimumCalls = allowed === undefined ? 5 : Math.max(1, Math.floor(allowed) + 1);
  return { failurePercent: 50, minimumCalls, windowSeconds: 60, openSeconds };
}
