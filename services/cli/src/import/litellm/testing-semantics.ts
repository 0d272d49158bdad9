/**
 * What LiteLLM's router does with a config, told apart from the importer: for tests that hold the two against each other.
 * Of deployments that are alike but for the key both are listed.
 */
export interface RouterConfig {
  readonly model_list: readonly {
    readonly model_name: string;
    readonly litellm_params: Readonly<Record<string, unknown>> & { readonly model: string };
  }[];
  readonly router_settings?: Readonly<Record<string, unknown>>;
  readonly litellm_settings?: Readonly<Record<string, unknown>>;
}

/** Deployments that are chosen among at once, with the odds of each: `[model, api_key]` as JSON to a share of 1. */
export type Level = ReadonlyMap<string, number>;

/** The levels of a group, tried one after another. */
export function levelsOf({ model_list: list }: RouterConfig, group: string): Level[] {
  const members = list.filter(({ model_name: name }) => name === group).map(({ litellm_params: params }) => params);
  const orders = members.map(({ order }) => (typeof order === 'number' ? order : undefined));
  const said = [...new Set(orders.filter((one) => one !== undefined))].sort((a, b) => a - b);
  const levels = [...said, ...(orders.includes(undefined) ? [undefined] : [])];
  return levels.map((level) => {
    const healthy = members.filter((_, index) => orders[index] === level);
    const metric = ['weight', 'rpm', 'tpm'].find((name) => healthy.some((one) => Number(one[name] ?? 0) > 0));
    const weights = healthy.map((one) => (metric === undefined ? 1 : Number(one[metric] ?? 0)));
    const sum = weights.reduce((total, one) => total + one, 0);
    const odds = new Map<string, number>();
    for (const [index, { model, api_key: key }] of healthy.entries()) {
      const id = JSON.stringify([model.slice(model.indexOf('/') + 1), key ?? '']);
      odds.set(id, (odds.get(id) ?? 0) + (weights[index] as number) / sum);
    }
    return odds;
  });
}

type Lists = readonly Readonly<Record<string, readonly string[]>>[] | undefined;

/** Groups that are tried in turn when all deployments of a group have failed for a cause. */
export function fallbacksAfter(
  { router_settings: router = {}, litellm_settings: litellm = {} }: RouterConfig,
  group: string,
  cause: 'errors' | 'context_window' | 'content_policy',
): string[] {
  const of = (name: string) => (router[name] ?? litellm[name]) as Lists;
  const generic = (router.default_fallbacks ?? litellm.default_fallbacks) as readonly string[] | undefined;
  const general = [...(of('fallbacks') ?? []), ...(generic === undefined ? [] : [{ '*': generic }])];
  const special = cause === 'errors' ? undefined : of(`${cause}_fallbacks`);
  const lists = special ?? general;
  const attempted = [group];
  const failed = (name: string, depth: number): void => {
    const entry = lists.find((one) => name in one)?.[name] ?? lists.find((one) => '*' in one)?.['*'] ?? [];
    if (depth === 5) return;
    for (const next of entry) {
      if (attempted.includes(next)) continue;
      attempted.push(next);
      failed(next, depth + 1);
    }
  };
  failed(group, 0);
  return attempted.slice(1);
}
