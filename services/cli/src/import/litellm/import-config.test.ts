import { describe, expect, it } from '@jest/globals';
import { lintFiles } from '../../lint.ts';
import { filesOf, type Manifest } from '../manifest.ts';
import { importLiteLlm } from './import-config.ts';

interface Params {
  readonly model: string;
  readonly [name: string]: unknown;
}

const entry = (params: Params, name = 'm', info?: object) => ({
  model_name: name,
  litellm_params: params,
  ...(info === undefined ? {} : { model_info: info }),
});

function imported(config: object) {
  const { manifests, findings } = importLiteLlm(config);
  const of = (kind: Manifest['kind']) => manifests.filter((one) => one.kind === kind);
  const faults = lintFiles([...filesOf(manifests)].map(([path, text]) => ({ path, text })));
  expect(faults).toEqual([]);
  const found = findings.all.map(({ kind, path, why }) => `${kind} ${path}: ${why}`);
  return { of, found, spec: (kind: Manifest['kind'], index = 0) => of(kind)[index]?.spec as Record<string, never> };
}

const one = (params: Params, rest: object = {}, info?: object) =>
  imported({ model_list: [entry(params, 'm', info)], ...rest });

describe('providers', () => {
  it.each<[string, Params, object, string]>([
    ['openai', { model: 'openai/gpt-5' }, { type: 'openai' }, 'gpt-5'],
    ['a bare name', { model: 'gpt-5' }, { type: 'openai' }, 'gpt-5'],
    ['a bare Claude', { model: 'claude-opus-4-5' }, { type: 'anthropic' }, 'claude-opus-4-5'],
    [
      'openai at its own URL',
      { model: 'openai/gpt-5', api_base: 'https://api.openai.com/v1/' },
      { type: 'openai' },
      'gpt-5',
    ],
    [
      'openai elsewhere',
      { model: 'openai/x', api_base: 'https://llm.example.com/v1' },
      { type: 'openai-compatible', baseURL: 'https://llm.example.com/v1' },
      'x',
    ],
    [
      'a word that says whose it is',
      { model: 'org/name', custom_llm_provider: 'openai', api_base: 'http://10.0.0.8:8000/v1' },
      { type: 'openai-compatible', baseURL: 'http://10.0.0.8:8000/v1', allowPrivateNetwork: true },
      'org/name',
    ],
    [
      'azure',
      { model: 'azure/my-gpt', api_base: 'https://r.openai.azure.com/', api_version: '2025-01-01-preview' },
      {
        type: 'azure-openai',
        baseURL: 'https://r.openai.azure.com',
        azure: { apiVersion: '2025-01-01-preview' },
      },
      'my-gpt',
    ],
    [
      'anthropic elsewhere',
      { model: 'anthropic/c', api_base: 'https://c.example.com' },
      { type: 'anthropic-compatible', baseURL: 'https://c.example.com/v1' },
      'c',
    ],
    [
      'bedrock by converse',
      { model: 'bedrock/converse/anthropic.claude-v2', aws_region_name: 'eu-central-1' },
      { type: 'bedrock', aws: { region: 'eu-central-1' } },
      'anthropic.claude-v2',
    ],
    [
      'vertex',
      { model: 'vertex_ai/gemini-2.5-pro', vertex_project: 'p-1', vertex_location: 'europe-west4' },
      { type: 'vertex', google: { project: 'p-1', location: 'europe-west4' } },
      'gemini-2.5-pro',
    ],
    ['groq', { model: 'groq/llama' }, { type: 'groq' }, 'llama'],
    ['openrouter', { model: 'openrouter/a/b' }, { type: 'openrouter' }, 'a/b'],
    ['another proxy', { model: 'litellm_proxy/m', api_base: 'https://l.example.com' }, { type: 'litellm' }, 'm'],
    [
      'ollama',
      { model: 'ollama_chat/llama3', api_base: 'http://ollama:11434' },
      { type: 'ollama', baseURL: 'http://ollama:11434', allowPrivateNetwork: true },
      'llama3',
    ],
    ['cohere', { model: 'cohere_chat/command-a' }, { type: 'cohere' }, 'command-a'],
    [
      'one that is not known, with a URL',
      { model: 'acme/m', api_base: 'https://acme.example.com/v1' },
      { type: 'openai-compatible' },
      'm',
    ],
  ])('[import:providers] knows %s', (_, params, provider, model) => {
    const { spec } = one({ api_key: 'k-123', ...params });
    expect(spec('ModelProvider')).toMatchObject(provider);
    expect(spec('Model').targets).toMatchObject([{ model }]);
  });

  it('[import:providers] makes one of deployments with the same type, place and credential', () => {
    const { of, spec } = imported({
      model_list: [
        entry({ model: 'openai/a', api_key: 'k1', timeout: 20 }, 'a'),
        entry({ model: 'openai/b', api_key: 'k1', timeout: 90 }, 'b'),
        entry({ model: 'openai/c', api_key: 'k2' }, 'c'),
        entry({ model: 'openai/d', litellm_credential_name: 'shared' }, 'd'),
      ],
      credential_list: [{ credential_name: 'shared', credential_values: { api_key: 'k2' } }],
    });
    expect(of('ModelProvider').map(({ name }) => name)).toEqual(['openai', 'openai-2']);
    expect(spec('ModelProvider').timeouts).toMatchObject({ firstByteSeconds: 90, totalSeconds: 600 });
    expect(of('Secret')).toHaveLength(2);
  });

  it('[import:report] says whose model cannot be told and whose provider nobody speaks to', () => {
    const { of, found } = imported({
      model_list: [entry({ model: 'mystery' }, 'a'), entry({ model: 'sagemaker/x' }, 'b')],
    });
    expect(of('Model')).toEqual([]);
    expect(found).toEqual(
      expect.arrayContaining([
        expect.stringContaining('not-carried model_list[0].litellm_params.model'),
        expect.stringContaining('not-carried model_list[1].litellm_params.model: no ModelProvider speaks to sagemaker'),
      ]),
    );
  });
});

describe('credentials', () => {
  it.each<[string, Params, object, string, string]>([
    ['a literal', { model: 'groq/x', api_key: 'gsk_1' }, {}, 'gsk_1', 'secret model_list[0].litellm_params.api_key'],
    [
      'a variable',
      { model: 'groq/x', api_key: 'os.environ/MY_KEY' },
      {},
      'REPLACE-WITH-THE-VALUE-OF-MY_KEY',
      'fill-in model_list[0].litellm_params.api_key: Secret my-key wants MY_KEY',
    ],
    [
      'a variable that the config holds',
      { model: 'groq/x', api_key: 'os.environ/MY_KEY' },
      { environment_variables: { MY_KEY: 'gsk_2' } },
      'gsk_2',
      'secret model_list[0].litellm_params.api_key',
    ],
    [
      'none, where LiteLLM looks into the environment',
      { model: 'groq/x' },
      {},
      'REPLACE-WITH-THE-VALUE-OF-GROQ_API_KEY',
      'fill-in model_list[0].litellm_params: no api_key: Secret groq-api-key wants GROQ_API_KEY',
    ],
    [
      'an access key',
      {
        model: 'bedrock/a.b',
        aws_region_name: 'us-east-1',
        aws_access_key_id: 'AKIA1',
        aws_secret_access_key: 'os.environ/S',
      },
      {},
      '{"AccessKeyId":"AKIA1","SecretAccessKey":"REPLACE-WITH-THE-VALUE-OF-S"}',
      'fill-in model_list[0].litellm_params.aws_access_key_id: Secret aws-credential wants S',
    ],
    [
      'an application',
      { model: 'azure/x', api_base: 'https://r.openai.azure.com', tenant_id: 't', client_id: 'c', client_secret: 's' },
      {},
      '{"tenantId":"t","clientId":"c","clientSecret":"s"}',
      'secret model_list[0].litellm_params.client_secret',
    ],
    [
      'a key file in place',
      { model: 'vertex_ai/x', vertex_project: 'p', vertex_credentials: { type: 'service_account' } },
      {},
      '{"type":"service_account"}',
      'secret model_list[0].litellm_params.vertex_credentials',
    ],
  ])('[import:secrets] puts %s into a Secret', (_, params, rest, value, finding) => {
    const { of, found } = one(params, rest);
    expect(of('Secret').map(({ stringData }) => stringData)).toEqual([{ key: value }]);
    expect(found.filter((line) => line.startsWith(finding))).toHaveLength(1);
    if (!value.startsWith('{')) expect(found.join()).not.toContain(`"${value}"`);
  });

  it('[import:secrets] leaves a URL to be filled in that stands in the environment', () => {
    const { spec, found } = one({ model: 'azure/x', api_base: 'os.environ/AZURE_API_BASE', api_key: 'k' });
    expect(spec('ModelProvider').baseURL).toBe('https://replace-with-azure-api-base.invalid');
    expect(found.join('\n')).toContain('fill-in model_list[0].litellm_params.api_base');
  });
});

describe('settings', () => {
  const two = (params: object = {}) => [
    entry({ model: 'openai/a', api_key: 'k', ...params }),
    entry({ model: 'openai/b', api_key: 'k', ...params }),
  ];

  it.each([
    ['simple-shuffle', 'Weighted', 0],
    ['least-busy', 'LeastBusy', 0],
    ['latency-based-routing', 'LowestLatency', 0],
    ['cost-based-routing', 'LowestCost', 0],
    ['usage-based-routing-v2', 'LeastBusy', 1],
    ['lar1', 'Weighted', 1],
  ])('[import:alike] takes strategy %s for %s', (said, strategy, reported) => {
    const { spec, found } = imported({ model_list: two(), router_settings: { routing_strategy: said } });
    expect(spec('Model').routing).toEqual({ strategy });
    expect(found.filter((line) => line.startsWith('changed router_settings.routing_strategy'))).toHaveLength(reported);
  });

  it('[import:alike] carries retries, cooldown, cache, dropped and default parameters over', () => {
    const { spec, found } = imported({
      model_list: two({ temperature: 0.2, max_tokens: 500 }),
      router_settings: {
        num_retries: 9,
        allowed_fails: 3,
        cooldown_time: 30,
        retry_policy: { RateLimitErrorRetries: 3, TimeoutErrorRetries: 0, BadRequestErrorRetries: 1 },
        model_group_retry_policy: { other: { DefaultRetries: 0 } },
      },
      litellm_settings: { drop_params: true, cache: true, cache_params: { type: 'redis', host: 'r', ttl: 60 } },
    });
    expect(spec('Model')).toMatchObject({
      retry: { attempts: 5, causes: ['RateLimit', 'ServerError', 'Malformed', 'Connection', 'Overloaded'] },
      breaker: { failurePercent: 50, minimumCalls: 4, windowSeconds: 60, openSeconds: 30 },
      unsupported: 'Drop',
      cache: { ttl: '60s' },
      decoration: { defaults: { temperature: '0.2', maxTokens: 500 } },
    });
    const paths = found.map((line) => line.split(':')[0]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'changed router_settings.num_retries',
        'changed router_settings.retry_policy',
        'not-carried router_settings.retry_policy.BadRequestErrorRetries',
        'changed router_settings.allowed_fails',
        'changed litellm_settings.cache_params.type',
      ]),
    );
  });

  it('[import:limits] makes Limits of rates that are enforced, and of budgets', () => {
    const { of } = imported({
      model_list: two({ rpm: 10, tpm: 1000 }),
      router_settings: { optional_pre_call_checks: ['enforce_model_rate_limits'] },
      litellm_settings: {
        max_budget: 100,
        budget_duration: '30d',
        default_internal_user_params: { max_budget: 5, budget_duration: '1d' },
        max_end_user_budget: 1,
      },
      general_settings: { global_max_parallel_requests: 50 },
    });
    expect(of('Limit').map(({ name, spec }) => [name, spec])).toEqual([
      ['m-rate', { match: { models: ['m'] }, per: 'Model', requests: 20, tokens: 2000, window: '1m' }],
      ['everybody-at-once', { per: 'Tenant', concurrency: 50 }],
      ['everybody-budget', { per: 'Tenant', usd: '100', window: '720h' }],
      ['user-budget', { per: 'User', usd: '5', window: '24h' }],
    ]);
    const { spec: ofAlias } = imported({
      model_list: two({ rpm: 10 }),
      router_settings: { routing_strategy: 'usage-based-routing-v2', model_group_alias: { best: 'm' } },
    });
    expect(ofAlias('Limit')).toEqual({ match: { models: ['m', 'best'] }, per: 'Tenant', requests: 20, window: '1m' });
    const { of: none, found } = imported({ model_list: two({ rpm: 10 }) });
    expect(none('Limit')).toEqual([]);
    expect(found.filter((line) => line.includes('litellm_params.rpm: no Limit'))).toHaveLength(2);
  });

  it('[import:wildcards] discovers the models of a wildcard, and makes a Model where a fallback names one', () => {
    const { of, spec, found } = imported({
      model_list: [entry({ model: 'openai/*', api_key: 'k' }, 'openai/*'), entry({ model: 'groq/x', api_key: 'k' })],
      router_settings: { fallbacks: [{ m: ['openai/gpt-5'] }] },
    });
    expect(spec('ModelProvider').discovery).toEqual({ include: ['*'] });
    expect(of('Model').map(({ name, spec: model }) => [name, model?.publicName, model?.targets])).toEqual([
      ['m', undefined, [{ provider: 'groq', model: 'x' }]],
      ['openai-gpt-5', 'openai/gpt-5', [{ provider: 'openai', model: 'gpt-5' }]],
    ]);
    expect(spec('Model').fallbacks).toMatchObject({ errors: ['openai-gpt-5'] });
    expect(spec('AccessPolicy').models).toEqual(['m', 'openai/gpt-5', 'openai:*']);
    expect(found.filter((line) => line.startsWith('changed model_list[0].model_name'))).toHaveLength(1);
  });

  it('[import:access] gives what stands in an access group to the team of its name alone', () => {
    const { of } = imported({
      model_list: [
        entry({ model: 'openai/a', api_key: 'k' }, 'open'),
        entry({ model: 'openai/b', api_key: 'k' }, 'closed', { access_groups: ['beta testers'] }),
      ],
    });
    expect(of('AccessPolicy').map(({ spec }) => spec)).toEqual([
      { subjects: { everyone: true }, models: ['open'] },
      { subjects: { teams: ['beta testers'] }, models: ['closed'] },
    ]);
  });

  it('[import:report] names every setting that nothing stands for, wherever it is', () => {
    const { found } = imported({
      model_list: [
        entry({ model: 'openai/a', api_key: 'k', base_model: 'gpt', tags: ['x'], made_up: 1, stream_timeout: 5 }, 'm', {
          id: 'abc',
          mode: 'chat',
        }),
      ],
      router_settings: { routing_strategy_args: { ttl: 10 }, made_up: true },
      litellm_settings: { success_callback: ['langfuse'], cache: true, cache_params: { type: 'redis-semantic' } },
      general_settings: { master_key: 'sk-1', database_url: 'os.environ/DB' },
      environment_variables: { UNUSED: 'x' },
      guardrails: [{ guardrail_name: 'g' }],
      include: ['other.yaml'],
    });
    const paths = found.filter((line) => line.startsWith('not-carried')).map((line) => line.split(/[ :]/)[1]);
    expect(paths.sort()).toEqual(
      [
        'general_settings.database_url',
        'general_settings.master_key',
        'guardrails',
        'include',
        'litellm_settings.cache_params.type',
        'litellm_settings.success_callback',
        'model_list[0].litellm_params.base_model',
        'model_list[0].litellm_params.made_up',
        'model_list[0].litellm_params.stream_timeout',
        'model_list[0].litellm_params.tags',
        'model_list[0].model_info.id',
        'router_settings.made_up',
        'router_settings.routing_strategy_args',
      ].sort(),
    );
  });

  it('[import:report] names the list of fallbacks of which a model is not there, or that is too long', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const { spec, found } = imported({
      model_list: names.map((name) => entry({ model: `openai/${name}`, api_key: 'k' }, name)),
      router_settings: { fallbacks: [{ a: ['b', 'c', 'd', 'e', 'f'] }, { b: [] }] },
      litellm_settings: { context_window_fallbacks: [{ a: ['gone'] }] },
    });
    expect(spec('Model').fallbacks).toEqual({ errors: ['b', 'c', 'd', 'e'], contentPolicy: ['b', 'c', 'd', 'e'] });
    expect(found).toEqual(
      expect.arrayContaining([
        'not-carried router_settings.fallbacks.a: a Model has at most 4 fallbacks: without f',
        'not-carried litellm_settings.context_window_fallbacks.a: no model is called gone',
      ]),
    );
  });

  it.each([[undefined], [null], ['text'], [[]], [{}], [{ model_list: 'x' }], [{ model_list: [1, null, {}] }]])(
    '[import:report] bears %j in place of a config',
    (config) => {
      expect(importLiteLlm(config).manifests.filter(({ kind }) => kind === 'Model')).toEqual([]);
    },
  );
});
