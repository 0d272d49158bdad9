import { Findings } from '../findings.ts';
import type { Manifest } from '../manifest.ts';
import { Names } from '../names.ts';
import { Settings } from '../settings.ts';
import { accessOf } from './access.ts';
import { cacheOf } from './cache.ts';
import { withCredentials } from './credential-list.ts';
import { type Deployment, isWildcard } from './deployment.ts';
import { Environment } from './environment.ts';
import { fallbacksOf } from './fallbacks.ts';
import { generalLimitsOf, rateLimitsOf } from './limits.ts';
import { deploymentsOf } from './model-list.ts';
import { modelsOf } from './models.ts';
import { Providers } from './providers.ts';
import { INFORMATIONAL, reasonFor } from './reasons.ts';
import { breakerOf, retriesOf } from './reliability.ts';
import { Secrets } from './secrets.ts';
import { choosingOf } from './strategy.ts';

/** What an import made, and what a reader must know of it. */
export interface ImportedConfig {
  readonly manifests: readonly Manifest[];
  readonly findings: Findings;
}

/**
 * Turns a LiteLLM proxy's config, as parsed YAML, into resources that route alike. Pure: the same config gives the same
 * resources. Each setting that is not carried over, or otherwise than it was, is among the findings.
 */
export function importLiteLlm(config: unknown): ImportedConfig {
  const findings = new Findings();
  const root = new Settings(withCredentials(config, findings), '', findings);
  const environment = new Environment(root.section('environment_variables'), findings);
  const router = root.section('router_settings');
  const litellm = root.section('litellm_settings');
  const general = root.section('general_settings');
  const entries = root.sections('model_list');

  const secrets = new Secrets(environment, new Names(), findings);
  const wait = [router.number('timeout'), litellm.number('request_timeout')].find((one) => one !== undefined);
  const providers = new Providers(new Names(), secrets, environment, findings, wait);
  const mostParallel = router.number('default_max_parallel_requests');
  const deployments = deploymentsOf(entries, providers, environment, findings, mostParallel);
  const choosing = choosingOf(router, findings);
  const names = new Names();
  const models = modelsOf(
    deployments,
    {
      strategy: choosing.strategy,
      tagged: choosing.tagged,
      fallbacks: fallbacksOf(router, litellm, findings),
      retryOf: retriesOf(router, litellm, findings),
      breaker: breakerOf(router, litellm, findings),
      cache: cacheOf(litellm, findings),
      drops: litellm.flag('drop_params') === true,
      aliases: aliasesOf(router, findings),
    },
    names,
    findings,
  );
  const patterns = deployments.filter(isWildcard).flatMap((one) => discovered(one, providers, findings));
  const manifests = [
    ...rateLimitsOf(models.byName, choosing.enforcesRates, new Names(), findings),
    ...generalLimitsOf(litellm, general, new Names(), findings),
    ...accessOf(models.byName, patterns, new Names(), findings),
  ];
  for (const { info } of deployments) for (const name of INFORMATIONAL) info.take(name);
  root.reportRest(reasonFor);
  return { manifests: [...secrets.manifests, ...providers.manifests, ...models.manifests, ...manifests], findings };
}

function aliasesOf(router: Settings, findings: Findings): Map<string, { to: string; path: string }> {
  const section = router.section('model_group_alias');
  const aliases = new Map<string, { to: string; path: string }>();
  for (const name of section.names) {
    const said = section.take(name);
    const path = section.at(name);
    const { model, hidden } = (typeof said === 'object' && said !== null ? said : { model: said }) as {
      model?: unknown;
      hidden?: unknown;
    };
    if (typeof model !== 'string') {
      findings.add('not-carried', path, 'is no name of a model');
      continue;
    }
    if (hidden === true) findings.add('not-carried', `${path}.hidden`, 'whoever may use a model sees it in the list');
    aliases.set(name, { to: model, path });
  }
  return aliases;
}

/** Lets models under a wildcard be called by their provider's list; gives the names that access is given to. */
function discovered(one: Deployment, providers: Providers, findings: Findings): string[] {
  const { provider, model, group, path } = one;
  const include = model === '' ? '*' : model;
  providers.discover(provider, include);
  const called = group === '*' ? 'by the name of the model alone' : `as ${group}`;
  const why = `models that were asked for ${called} are asked for as ${provider}:<model>, or by the bare name of the model, as the provider lists them`;
  findings.add('changed', `${path}.model_name`, why);
  return [`${provider}:${include}`];
}
