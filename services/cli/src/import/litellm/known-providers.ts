import type { ProviderType } from '@sallyport/custom-resources/provider-types';

/** What a LiteLLM provider is here. */
export interface KnownProvider {
  readonly type: ProviderType;
  /** Where LiteLLM takes the key from when a deployment names none; absent: it needs none. */
  readonly keyFrom?: string;
  /** Where LiteLLM takes the base URL from when a deployment names none. */
  readonly urlFrom?: string;
  /** The type where the base URL is not the vendor's own. */
  readonly elsewhere?: ProviderType;
  /** Its base URL, where the type has none. */
  readonly baseURL?: string;
  /** Put after the base URL where it does not end so. */
  readonly suffix?: string;
  /** The base URL is scheme, host and port alone. */
  readonly origin?: true;
}

const simple = (type: ProviderType, keyFrom: string): KnownProvider => ({ type, keyFrom });

const azure: KnownProvider = {
  type: 'azure-openai',
  keyFrom: 'AZURE_API_KEY',
  urlFrom: 'AZURE_API_BASE',
  origin: true,
};
const vertex: KnownProvider = { type: 'vertex', keyFrom: 'GOOGLE_APPLICATION_CREDENTIALS' };
const ollama: KnownProvider = { type: 'ollama', urlFrom: 'OLLAMA_API_BASE', baseURL: 'http://localhost:11434' };
const cohere: KnownProvider = { type: 'cohere', keyFrom: 'COHERE_API_KEY', origin: true };
const openai: KnownProvider = {
  type: 'openai',
  keyFrom: 'OPENAI_API_KEY',
  urlFrom: 'OPENAI_API_BASE',
  elsewhere: 'openai-compatible',
};

/** LiteLLM's providers, by the word before the slash in `litellm_params.model`. */
export const knownProviders: Readonly<Record<string, KnownProvider>> = {
  openai,
  'text-completion-openai': openai,
  custom_openai: { type: 'openai-compatible', keyFrom: 'OPENAI_API_KEY', urlFrom: 'OPENAI_API_BASE' },
  openai_like: { type: 'openai-compatible', keyFrom: 'OPENAI_LIKE_API_KEY', urlFrom: 'OPENAI_LIKE_API_BASE' },
  azure,
  azure_text: azure,
  azure_ai: { type: 'azure-foundry', keyFrom: 'AZURE_AI_API_KEY', urlFrom: 'AZURE_AI_API_BASE', origin: true },
  anthropic: {
    type: 'anthropic',
    keyFrom: 'ANTHROPIC_API_KEY',
    elsewhere: 'anthropic-compatible',
    suffix: '/v1',
  },
  gemini: { type: 'gemini', keyFrom: 'GEMINI_API_KEY', elsewhere: 'gemini-compatible' },
  vertex_ai: vertex,
  vertex_ai_beta: vertex,
  bedrock: { type: 'bedrock', keyFrom: 'AWS_ACCESS_KEY_ID' },
  bedrock_converse: { type: 'bedrock', keyFrom: 'AWS_ACCESS_KEY_ID' },
  groq: simple('groq', 'GROQ_API_KEY'),
  mistral: simple('mistral', 'MISTRAL_API_KEY'),
  cerebras: simple('cerebras', 'CEREBRAS_API_KEY'),
  openrouter: simple('openrouter', 'OPENROUTER_API_KEY'),
  hosted_vllm: { type: 'vllm', urlFrom: 'HOSTED_VLLM_API_BASE' },
  xai: simple('xai', 'XAI_API_KEY'),
  deepseek: simple('deepseek', 'DEEPSEEK_API_KEY'),
  together_ai: simple('together', 'TOGETHERAI_API_KEY'),
  fireworks_ai: simple('fireworks', 'FIREWORKS_AI_API_KEY'),
  perplexity: simple('perplexity', 'PERPLEXITYAI_API_KEY'),
  deepinfra: simple('deepinfra', 'DEEPINFRA_API_KEY'),
  sambanova: simple('sambanova', 'SAMBANOVA_API_KEY'),
  nvidia_nim: simple('nvidia-nim', 'NVIDIA_NIM_API_KEY'),
  huggingface: simple('huggingface', 'HUGGINGFACE_API_KEY'),
  cloudflare: { type: 'cloudflare', keyFrom: 'CLOUDFLARE_API_KEY', urlFrom: 'CLOUDFLARE_API_BASE' },
  github: simple('github-models', 'GITHUB_API_KEY'),
  databricks: { type: 'databricks', keyFrom: 'DATABRICKS_API_KEY', urlFrom: 'DATABRICKS_API_BASE', origin: true },
  moonshot: simple('moonshot', 'MOONSHOT_API_KEY'),
  dashscope: simple('qwen', 'DASHSCOPE_API_KEY'),
  zai: simple('zhipu', 'ZAI_API_KEY'),
  minimax: simple('minimax', 'MINIMAX_API_KEY'),
  ai21: simple('ai21', 'AI21_API_KEY'),
  ai21_chat: simple('ai21', 'AI21_API_KEY'),
  nebius: simple('nebius', 'NEBIUS_API_KEY'),
  novita: simple('novita', 'NOVITA_API_KEY'),
  lm_studio: { type: 'lm-studio', urlFrom: 'LM_STUDIO_API_BASE' },
  llamafile: { type: 'llama-cpp', urlFrom: 'LLAMAFILE_API_BASE' },
  litellm_proxy: { type: 'litellm', keyFrom: 'LITELLM_PROXY_API_KEY', urlFrom: 'LITELLM_PROXY_API_BASE' },
  cohere,
  cohere_chat: cohere,
  ollama,
  ollama_chat: ollama,
};

const BARE: readonly (readonly [RegExp, string])[] = [
  [/^(gpt-|chatgpt-|o[1-9](-|$)|text-embedding-|omni-moderation|dall-e|whisper-|tts-)/, 'openai'],
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'vertex_ai'],
  [/^(anthropic|amazon|meta|mistral|cohere|ai21)\.[a-z]/, 'bedrock'],
  [/^command-/, 'cohere'],
  [/^mistral-/, 'mistral'],
  [/^deepseek-/, 'deepseek'],
];

/** The provider and the model's name there, as LiteLLM tells them by `model`; undefined where it could not know either. */
export function providerOf(model: string, declared: string | undefined): { prefix: string; model: string } | undefined {
  const slash = model.indexOf('/');
  const first = slash < 0 ? '' : model.slice(0, slash);
  if (declared !== undefined) {
    return { prefix: declared, model: first === declared ? model.slice(slash + 1) : model };
  }
  if (Object.hasOwn(knownProviders, first)) return { prefix: first, model: model.slice(slash + 1) };
  const [, prefix] = BARE.find(([pattern]) => pattern.test(model)) ?? [];
  if (prefix !== undefined) return { prefix, model };
  return slash > 0 ? { prefix: first, model: model.slice(slash + 1) } : undefined;
}
