import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';
import { type Deployment, matched } from './deployment.ts';
import type { Environment } from './environment.ts';
import { providerOf } from './known-providers.ts';
import type { Providers } from './providers.ts';

const BEDROCK_ROUTE = /^(converse|invoke|converse_like)\//;
const BEDROCK_REGION = /^([a-z]{2}(?:-[a-z]+)+-\d)\//;

/** The deployments of `model_list` that a ModelProvider can be made for, in order; the others are reported. */
export function deploymentsOf(
  entries: readonly Settings[],
  providers: Providers,
  environment: Environment,
  findings: Findings,
  mostParallel: number | undefined,
): Deployment[] {
  return entries.flatMap((entry) => {
    const group = entry.text('model_name');
    const params = entry.section('litellm_params');
    const info = entry.section('model_info');
    const said = environment.plain(params, 'model');
    if (group === undefined || said === undefined) {
      findings.add('not-carried', entry.path, 'has no model_name or no litellm_params.model');
      return [];
    }
    const called = providerOf(said, params.text('custom_llm_provider'));
    if (called === undefined) {
      findings.add(
        'not-carried',
        params.at('model'),
        `whose model ${said} is cannot be told: write <provider>/${said}`,
      );
      return [];
    }
    const provider = providers.of(params, called.prefix);
    if (provider === undefined) return [];
    return [
      {
        path: entry.path,
        group,
        provider,
        model: nameAt(called.prefix, called.model, params, findings),
        params,
        info,
        order: params.number('order') ?? info.number('order'),
        weights: { weight: params.number('weight'), rpm: params.number('rpm'), tpm: params.number('tpm') },
        tags: params.texts('tags'),
        region: params.text('region_name') ?? placeOf(params, called.prefix),
        maxConcurrent: params.number('max_parallel_requests') ?? mostParallel,
        maxRetries: params.number('num_retries') ?? params.number('max_retries'),
      },
    ];
  });
}

/** The name of a model at its provider, without words that are LiteLLM's own. */
function nameAt(prefix: string, model: string, params: Settings, findings: Findings): string {
  if (prefix !== 'bedrock' && prefix !== 'bedrock_converse') {
    // Some prefixes name a route of LiteLLM's as well: openai/responses/gpt-5.
    return model.replace(/^(responses|chat)\/(?=[^/]+$)/, '');
  }
  const bare = model.replace(BEDROCK_ROUTE, '');
  const region = BEDROCK_REGION.exec(bare)?.[1];
  if (region === undefined) return bare;
  findings.add('changed', params.at('model'), `region ${region} belongs into aws.region of the ModelProvider`);
  return bare.slice(region.length + 1);
}

function placeOf(params: Settings, prefix: string): string | undefined {
  if (prefix.startsWith('bedrock')) return params.text('aws_region_name');
  return prefix.startsWith('vertex') ? params.text('vertex_location') : undefined;
}

/**
 * Deployments of a name that `model_list` has under a wildcard only, as LiteLLM would make them of it: the most specific
 * pattern counts, `*` stands for the same in both names.
 */
export function deploymentsByPattern(deployments: readonly Deployment[], name: string): Deployment[] {
  const fitting = deployments.flatMap((one) => {
    const star = one.group.includes('*') ? matched(one.group, name) : undefined;
    return star === undefined ? [] : [{ one, star }];
  });
  const longest = Math.max(...fitting.map(({ one }) => one.group.length));
  return fitting
    .filter(({ one }) => one.group.length === longest)
    .map(({ one, star }) => ({ ...one, group: name, model: one.model.replace('*', star) }));
}
