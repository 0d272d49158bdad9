import type { Findings } from '../findings.ts';
import type { Manifest } from '../manifest.ts';
import type { Names } from '../names.ts';
import type { Settings } from '../settings.ts';
import type { Deployment } from './deployment.ts';
import { decimalOf } from './prices.ts';

const UNITS: Readonly<Record<string, readonly [number, string]>> = {
  s: [1, 's'],
  m: [1, 'm'],
  h: [1, 'h'],
  d: [24, 'h'],
  w: [168, 'h'],
  mo: [720, 'h'],
};

/** `window` of a Limit, of a duration as LiteLLM writes it (`30d`); undefined where it is none. */
export function windowOf(text: string): string | undefined {
  const [, count, unit = ''] = /^(\d{1,4})(s|m|h|d|w|mo)$/.exec(text.trim()) ?? [];
  const [times, suffix] = UNITS[unit] ?? [];
  const length = Number(count) * (times ?? Number.NaN);
  return length >= 1 && length < 1e6 ? `${length}${suffix}` : undefined;
}

/** Limits of Models whose deployments LiteLLM holds to rates: together as much as they may each. */
export function rateLimitsOf(
  byName: ReadonlyMap<string, readonly Deployment[]>,
  enforced: boolean,
  names: Names,
  findings: Findings,
): Manifest[] {
  const limits: Manifest[] = [];
  // An alias spends what its model may.
  const shared = Map.groupBy(byName, ([, group]) => group.map(({ path }) => path).join());
  for (const named of shared.values()) {
    const models = named.map(([name]) => name);
    const [publicName, group] = named[0] as (typeof named)[number];
    const bounds: Record<string, number> = {};
    for (const [by, field] of [
      ['rpm', 'requests'],
      ['tpm', 'tokens'],
    ] as const) {
      const said = group.flatMap((one) => one.weights[by] ?? []);
      if (said.length === 0) continue;
      for (const { params, weights, path } of group) {
        if (weights[by] === undefined) continue;
        if (!enforced) findings.add('changed', params.at(by), 'no Limit: with this strategy LiteLLM only weighs by it');
        else if (said.length < group.length) {
          findings.add('not-carried', params.at(by), `no Limit: other deployments of ${publicName} have no ${by}`);
        } else if (group.length > 1) {
          findings.add('changed', `${path}.litellm_params.${by}`, `a Limit of all targets of ${publicName} together`);
        }
      }
      const sum = Math.floor(said.reduce((total, one) => total + one, 0));
      if (enforced && said.length === group.length && sum >= 1) bounds[field] = sum;
    }
    if (Object.keys(bounds).length === 0) continue;
    const per = models.length === 1 ? 'Model' : 'Tenant';
    const spec = { match: { models }, per, ...bounds, window: '1m' };
    limits.push({ kind: 'Limit', name: names.give(`${publicName}-rate`), spec });
  }
  return limits;
}

/** Limits of what the whole proxy, each user and each customer may use. */
export function generalLimitsOf(litellm: Settings, general: Settings, names: Names, findings: Findings): Manifest[] {
  const limits: Manifest[] = [];
  const parallel = general.number('global_max_parallel_requests');
  if (parallel !== undefined && parallel >= 1) {
    const spec = { per: 'Tenant', concurrency: Math.floor(parallel) };
    limits.push({ kind: 'Limit', name: names.give('everybody-at-once'), spec });
  }
  const ofKey = general.number('max_parallel_requests');
  if (ofKey !== undefined && ofKey >= 1) {
    limits.push({
      kind: 'Limit',
      name: names.give('key-at-once'),
      spec: { per: 'Key', concurrency: Math.floor(ofKey) },
    });
  }
  const money = (section: Settings, name: string, span: string, per: string, title: string) => {
    const usd = section.number(name);
    const text = section.text(span);
    if (usd === undefined) return;
    const window = text === undefined ? undefined : windowOf(text);
    const amount = decimalOf(usd);
    if (window === undefined || amount === undefined) {
      const why = `a Limit of money has a window, which ${section.at(span)} does not say: write the Limit by hand`;
      findings.add('not-carried', section.at(name), why);
      return;
    }
    limits.push({ kind: 'Limit', name: names.give(title), spec: { per, usd: amount, window } });
  };
  money(litellm, 'max_budget', 'budget_duration', 'Tenant', 'everybody-budget');
  money(litellm, 'max_internal_user_budget', 'internal_user_budget_duration', 'User', 'user-budget');
  const users = litellm.section('default_internal_user_params');
  money(users, 'max_budget', 'budget_duration', 'User', 'user-budget');
  money(litellm, 'max_end_user_budget', 'max_end_user_budget_duration', 'Customer', 'customer-budget');
  return limits;
}
