import type { Findings } from '../findings.ts';
import { capabilitiesOf } from './capabilities.ts';
import { type Deployment, WEIGHTED_BY } from './deployment.ts';
import { priceOf } from './prices.ts';

/** A target of a Model, to be written. */
export interface TargetOut {
  readonly provider: string;
  readonly model: string;
  readonly priority: number;
  readonly weight: number;
  readonly [field: string]: unknown;
}

const MOST_TARGETS = 8;
const HEAVIEST = 10_000;
const REGION = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/**
 * The targets of a Model: by level of `order` (those without one behind all that have one, as LiteLLM calls them only when
 * no other is left), with the shares that LiteLLM gives them within a level. Deployments that are one target here, for
 * instance with the same key twice, have their shares added up.
 */
export function targetsOf(deployments: readonly Deployment[], tagged: boolean, findings: Findings): TargetOut[] {
  const levels = [...new Set(deployments.map(levelOf))].sort((a, b) => a - b);
  const targets: TargetOut[] = [];
  for (const [priority, level] of levels.entries()) {
    const equal = deployments.filter((one) => levelOf(one) === level);
    const weights = weightsOf(equal);
    for (const [index, one] of equal.entries()) {
      const weight = weights[index] as number;
      const same = targets.findIndex(({ provider, model }) => provider === one.provider && model === one.model);
      const before = targets[same];
      if (before === undefined) targets.push(targetOf(one, priority, weight, tagged, findings));
      else if (before.priority === priority) {
        targets[same] = { ...before, weight: Math.min(HEAVIEST, before.weight + weight) };
        findings.add(
          'changed',
          one.path,
          `is the same target as another one of ${one.group}: their shares are added up`,
        );
      } else findings.add('not-carried', one.path, `is a target of ${one.group} with a lower order already`);
    }
  }
  for (const { provider, model } of targets.slice(MOST_TARGETS)) {
    const path = deployments.find((one) => one.provider === provider && one.model === model)?.path ?? '';
    findings.add('not-carried', path, `a Model has at most ${MOST_TARGETS} targets`);
  }
  return targets.slice(0, MOST_TARGETS);
}

function levelOf({ order }: Deployment): number {
  return order ?? Number.POSITIVE_INFINITY;
}

/** Shares of deployments of one level: by the first of weight, rpm and tpm that any of them has, else alike. */
export function weightsOf(deployments: readonly Deployment[]): number[] {
  for (const by of WEIGHTED_BY) {
    const said = deployments.map(({ weights }) => weights[by] ?? 0);
    const most = Math.max(...said);
    if (most <= 0) continue;
    const isExact = most <= HEAVIEST && said.every(Number.isInteger);
    return said.map((one) => (isExact || one === 0 ? one : Math.max(1, Math.round((one / most) * HEAVIEST))));
  }
  return deployments.map(() => 1);
}

function targetOf(one: Deployment, priority: number, weight: number, tagged: boolean, findings: Findings): TargetOut {
  const region = one.region?.toLowerCase();
  const price = priceOf(one, findings);
  const capabilities = capabilitiesOf(one.info);
  return {
    provider: one.provider,
    model: one.model,
    priority,
    weight,
    ...(region !== undefined && REGION.test(region) ? { region } : {}),
    ...(one.maxConcurrent === undefined ? {} : capacityOf(one, findings)),
    ...tagsOf(one, tagged, findings),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(price === undefined ? {} : { price }),
  };
}

function capacityOf({ params, maxConcurrent = 1 }: Deployment, findings: Findings) {
  const own = params.has('max_parallel_requests');
  const path = own ? params.at('max_parallel_requests') : 'router_settings.default_max_parallel_requests';
  findings.add('changed', path, 'capacity.maxConcurrent counts for each replica');
  return { capacity: { maxConcurrent: Math.max(1, Math.min(100_000, Math.floor(maxConcurrent))) } };
}

function tagsOf({ params, tags }: Deployment, tagged: boolean, findings: Findings) {
  if (tags.length === 0) return {};
  const path = params.at('tags');
  if (!tagged) {
    findings.add('not-carried', path, 'enable_tag_filtering is off: LiteLLM only writes them into its log');
    return {};
  }
  if (tags.includes('default')) {
    findings.add('changed', path, 'a target for tag default is one for all requests here');
    return {};
  }
  const usable = tags.filter((tag) => /^[^!&\s]\S{0,63}$/.test(tag)).slice(0, 16);
  if (usable.length < tags.length) findings.add('not-carried', path, 'tags with ! or & have no counterpart');
  return usable.length === 0 ? {} : { forTags: usable };
}
