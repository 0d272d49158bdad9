import type { KnownCapabilities, Modality } from './capabilities.ts';

/** What is known of the models whose names begin alike. */
export interface KnownModel {
  /** Beginning of the bare name, in lower case. */
  readonly begins: string;
  readonly facts: KnownCapabilities;
  /** Who made it, as the price list names them; '' where it does not. */
  readonly vendor: string;
  /** Where the vendor states them. */
  readonly page: string;
  /** Where they were read, and when (year, month, day). */
  readonly source: string;
  readonly asOf: string;
}

type Ability = 'tools' | 'parallelTools' | 'toolChoice' | 'jsonSchema' | 'reasoning' | 'promptCache' | 'retrieves';
type Row = readonly [begins: string, context: number | undefined, output: number | undefined, words: string];

const abilities: ReadonlySet<string> = new Set<Ability>([
  'tools',
  'parallelTools',
  'toolChoice',
  'jsonSchema',
  'reasoning',
  'promptCache',
  'retrieves',
]);
const contents: ReadonlySet<string> = new Set<Modality>(['image', 'audio', 'video', 'file']);

/**
 * Reads rows of facts. A word is an ability (`!` before it: it is known to lack it), a kind of content it takes beside text,
 * or, behind `>`, one that it gives beside text. An ability without a word is unknown.
 */
function read(vendor: string, page: string, rows: readonly Row[]): KnownModel[] {
  return rows.map(([begins, contextTokens, maxOutputTokens, words]) => {
    const able: Partial<Record<Ability, boolean>> = {};
    const input = new Set<Modality>(['text']);
    const output = new Set<Modality>(['text']);
    for (const word of words.split(' ').filter(Boolean)) {
      const bare = word.replace(/^[!>]/, '');
      if (abilities.has(bare) && !word.startsWith('>')) able[bare as Ability] = !word.startsWith('!');
      else if (contents.has(bare)) (word.startsWith('>') ? output : input).add(bare as Modality);
      else throw new TypeError(`known model ${begins}: ${word} is no word`);
    }
    const limits = {
      ...(contextTokens === undefined ? {} : { contextTokens }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    };
    return {
      begins,
      vendor,
      page,
      source: SOURCE,
      asOf: AS_OF,
      facts: Object.freeze({ ...limits, input, output, streaming: true, ...able }),
    };
  });
}

const SOURCE = 'price map of LiteLLM 1.109.1, and the list of @pydantic/genai-prices 0.1.8 where that has it otherwise';
const AS_OF = '2026-11-21';
const K = 1_000;
const M = 1_000_000;
const agent = 'tools toolChoice jsonSchema';
const keen = `${agent} parallelTools promptCache`;
const gpt = `${keen} image file`;
const claude = `${agent} parallelTools promptCache image file`;
const gemini = `${keen} reasoning image file audio video`;

const openai = read('openai', 'platform.openai.com/docs/models', [
  ['gpt-3.5-turbo', 16_385, 4_096, 'tools toolChoice parallelTools !jsonSchema !reasoning'],
  ['gpt-4', 8_192, 4_096, 'tools toolChoice !jsonSchema !reasoning'],
  ['gpt-4-32k', 32_768, 4_096, 'tools toolChoice !jsonSchema !reasoning'],
  ['gpt-4-turbo', 128 * K, 4_096, 'tools toolChoice parallelTools image !jsonSchema !reasoning'],
  ['gpt-4-vision', 128 * K, 4_096, 'image !tools !jsonSchema !reasoning'],
  ['gpt-4o', 128 * K, 16_384, `${gpt} !reasoning`],
  ['gpt-4o-audio', 128 * K, 16_384, 'tools toolChoice parallelTools audio >audio !reasoning'],
  ['gpt-4o-mini-audio', 128 * K, 16_384, 'tools toolChoice parallelTools audio >audio !reasoning'],
  ['gpt-4o-realtime', 32 * K, 4_096, 'tools toolChoice audio >audio !reasoning'],
  ['gpt-4o-mini-realtime', 16 * K, 4_096, 'tools toolChoice audio >audio !reasoning'],
  ['gpt-4o-transcribe', 16 * K, 2_000, 'audio !tools !reasoning'],
  ['gpt-4o-mini-transcribe', 16 * K, 2_000, 'audio !tools !reasoning'],
  ['gpt-4o-search', 128 * K, 16_384, 'jsonSchema retrieves !tools !reasoning'],
  ['gpt-4o-mini-search', 128 * K, 16_384, 'jsonSchema retrieves !tools !reasoning'],
  ['gpt-audio', 128 * K, 16_384, 'tools toolChoice parallelTools audio >audio !reasoning'],
  ['gpt-4.1', 1_047_576, 32_768, `${gpt} !reasoning`],
  ['gpt-5', 400 * K, 128 * K, `${gpt} reasoning`],
  ['gpt-5-search', 400 * K, 128 * K, 'jsonSchema retrieves'],
  ['gpt-5-chat', 128 * K, 16_384, 'image file jsonSchema'],
  ['gpt-5.1-chat', 128 * K, 16_384, `${agent} parallelTools image file`],
  ['gpt-5.2-chat', 128 * K, 16_384, `${agent} parallelTools image file`],
  ['gpt-5.3-chat', 128 * K, 16_384, `${agent} parallelTools image file`],
  ['gpt-5.4', 1_050_000, 128 * K, `${gpt} reasoning`],
  ['gpt-5.4-mini', 400 * K, 128 * K, `${gpt} reasoning`],
  ['gpt-5.4-nano', 400 * K, 128 * K, `${gpt} reasoning`],
  ['gpt-5.5', 1_050_000, 128 * K, `${gpt} reasoning`],
  ['gpt-5.6', 1_050_000, 128 * K, `${gpt} reasoning`],
  ['gpt-6', 1_050_000, 128 * K, `${gpt} reasoning`],
  ['o1', 200 * K, 100 * K, `${agent} promptCache reasoning image file`],
  ['o1-mini', 128 * K, 65_536, 'reasoning !tools'],
  ['o1-preview', 128 * K, 32_768, 'reasoning !tools'],
  ['o3', 200 * K, 100 * K, `${agent} promptCache reasoning image file`],
  ['o3-mini', 200 * K, 100 * K, `${agent} promptCache reasoning`],
  ['o3-deep-research', 200 * K, 100 * K, 'retrieves reasoning image file'],
  ['o4-mini', 200 * K, 100 * K, `${agent} promptCache reasoning image file`],
  ['o4-mini-deep-research', 200 * K, 100 * K, 'retrieves reasoning image file'],
  ['gpt-oss', 131_072, undefined, 'tools reasoning'],
]);

const anthropic = read('anthropic', 'docs.claude.com/en/docs/about-claude/models', [
  ['claude-3-haiku', 200 * K, 4_096, 'tools toolChoice parallelTools promptCache image !reasoning'],
  ['claude-3-5', 200 * K, 8_192, 'tools toolChoice parallelTools promptCache image file !reasoning'],
  ['claude-3-7', 200 * K, 64 * K, 'tools toolChoice parallelTools promptCache image file reasoning'],
  ['claude-sonnet-4', 200 * K, 64 * K, 'tools toolChoice parallelTools promptCache image file reasoning'],
  ['claude-opus-4', 200 * K, 32 * K, 'tools toolChoice parallelTools promptCache image file reasoning'],
  ['claude-sonnet-4-5', 200 * K, 64 * K, `${claude} reasoning`],
  ['claude-haiku-4-5', 200 * K, 64 * K, `${claude} reasoning`],
  ['claude-opus-4-5', 200 * K, 64 * K, `${claude} reasoning`],
  ['claude-sonnet-4-6', M, 128 * K, `${claude} reasoning`],
  ['claude-opus-4-6', M, 128 * K, `${claude} reasoning`],
  ['claude-opus-4-7', M, 128 * K, `${claude} reasoning`],
  ['claude-opus-4-8', M, 128 * K, `${claude} reasoning`],
  ['claude-sonnet-5', M, 128 * K, `${claude} reasoning`],
  ['claude-opus-5', M, 128 * K, `${claude} reasoning`],
  ['claude-haiku-5', M, 128 * K, `${claude} reasoning`],
]);

const google = read('google', 'ai.google.dev/gemini-api/docs/models', [
  ['gemini-2.0-flash', 1_048_576, 8_192, `${keen} image file audio video !reasoning`],
  ['gemini-2.5', 1_048_576, 65_536, gemini],
  ['gemini-2.5-pro-tts', 8_192, 16_384, '>audio !tools'],
  ['gemini-2.5-pro-preview-tts', 8_192, 16_384, '>audio !tools'],
  ['gemini-2.5-flash-tts', 8_192, 16_384, '>audio !tools'],
  ['gemini-2.5-flash-preview-tts', 8_192, 16_384, '>audio !tools'],
  ['gemini-3', 1_048_576, 65_536, gemini],
  ['gemini-4', 1_048_576, undefined, gemini],
  ['gemini-flash-latest', 1_048_576, 65_536, gemini],
  ['gemini-flash-lite-latest', 1_048_576, 65_536, gemini],
  ['gemini-pro-latest', 1_048_576, 65_536, gemini],
  ['deep-research', 1_048_576, 65_536, 'retrieves image file !tools'],
  ['gemma-3-', 131_072, 8_192, 'image jsonSchema'],
  ['gemma-4-', 262_144, 32_768, `${agent} reasoning image`],
]);

const mistral = read('mistral', 'docs.mistral.ai/getting-started/models', [
  ['codestral', 256 * K, undefined, agent],
  ['devstral', 256 * K, undefined, agent],
  ['magistral', 262_144, undefined, `${agent} reasoning image`],
  ['ministral-3b', 131_072, undefined, `${agent} image`],
  ['ministral-8b', 262_144, undefined, `${agent} image`],
  ['ministral-14b', 262_144, undefined, `${agent} image`],
  ['mistral-large', 262_144, undefined, `${agent} image`],
  ['mistral-large-4', 1_048_576, undefined, `${agent} reasoning promptCache image`],
  ['mistral-medium', 262_144, undefined, `${agent} image`],
  ['mistral-small', 262_144, undefined, `${agent} image`],
  ['open-mistral-nemo', 128 * K, undefined, `${agent} !reasoning`],
  ['pixtral-large', 128 * K, undefined, `${agent} image !reasoning`],
  ['voxtral', 32_768, undefined, `${agent} audio !reasoning`],
]);

const xai = read('x-ai', 'docs.x.ai/docs/models', [
  ['grok-3', 131_072, undefined, agent],
  ['grok-4', 256 * K, undefined, `${agent} reasoning promptCache image`],
  ['grok-4-fast', 2 * M, undefined, `${agent} promptCache image`],
  ['grok-4-1-fast', 2 * M, undefined, `${agent} promptCache image`],
  ['grok-4.20', M, undefined, `${agent} promptCache image`],
  ['grok-4.3', M, undefined, `${agent} reasoning promptCache image`],
  ['grok-4.5', 500 * K, undefined, `${agent} reasoning promptCache image`],
  ['grok-4.6', 500 * K, undefined, `${agent} reasoning promptCache image`],
  ['grok-4.7', 500 * K, undefined, `${agent} reasoning promptCache image`],
  ['grok-code', 256 * K, undefined, `${agent} reasoning promptCache`],
]);

const deepseek = read('deepseek', 'api-docs.deepseek.com/quick_start/pricing', [
  ['deepseek-chat', 131_072, 8_192, 'tools toolChoice parallelTools promptCache !reasoning'],
  ['deepseek-reasoner', 131_072, 65_536, 'reasoning promptCache'],
  ['deepseek-r1', 131_072, undefined, 'reasoning'],
  ['deepseek-r1-distill', undefined, undefined, 'reasoning'],
  ['deepseek-v3', 163_840, undefined, 'tools toolChoice'],
  ['deepseek-v4', 1_048_576, undefined, `${agent} reasoning`],
]);

const perplexity = read('perplexity', 'docs.perplexity.ai/getting-started/models', [
  ['sonar', 128 * K, undefined, 'jsonSchema retrieves !tools'],
  ['sonar-pro', 200 * K, 8_000, 'jsonSchema retrieves !tools'],
  ['sonar-reasoning', 128 * K, undefined, 'jsonSchema retrieves reasoning !tools'],
  ['sonar-deep-research', 128 * K, undefined, 'jsonSchema retrieves reasoning !tools'],
]);

const groq = read('groq', 'console.groq.com/docs/compound', [
  ['compound', 131_072, 8_192, 'retrieves !tools'],
  ['compound-mini', 131_072, 8_192, 'retrieves !tools'],
]);

const asia = [
  ...read('moonshotai', 'platform.moonshot.ai/docs', [
    ['kimi-k2', 262_144, undefined, agent],
    ['kimi-k2.5', 262_144, undefined, `${agent} reasoning image`],
    ['kimi-k2.6', 262_144, undefined, `${agent} reasoning image`],
    ['kimi-k3', 1_048_576, undefined, `${agent} reasoning image`],
    ['moonshot-v1-8k', 8_192, undefined, agent],
    ['moonshot-v1-32k', 32_768, undefined, agent],
    ['moonshot-v1-128k', 131_072, undefined, agent],
  ]),
  ...read('zai', 'docs.z.ai/guides/llm', [
    ['glm-4.5', 128 * K, undefined, 'tools reasoning'],
    ['glm-4.5v', 128 * K, undefined, 'tools reasoning image'],
    ['glm-4.6', 200 * K, 128 * K, 'tools reasoning'],
    ['glm-4.7', 200 * K, 128 * K, 'tools reasoning'],
    ['glm-5', 200 * K, 128 * K, 'tools reasoning'],
    ['glm-5.2', 1_048_576, 131_072, 'tools reasoning'],
    ['glm-5.3', 1_048_576, 131_072, 'tools reasoning'],
  ]),
  ...read('', 'help.aliyun.com/zh/model-studio/models', [
    ['qwen-plus', M, 32_768, 'tools reasoning'],
    ['qwen-flash', M, 32_768, 'tools reasoning'],
    ['qwen-turbo', M, 16_384, 'tools reasoning'],
    ['qwen3-max', 262_144, 65_536, 'tools'],
    ['qwen3-coder-plus', M, 65_536, 'tools'],
    ['qwen3-coder-480b', 262_144, undefined, 'tools'],
    ['qwen3-235b-a22b', 262_144, undefined, 'tools'],
    ['qwen3-32b', 131_072, undefined, 'tools reasoning'],
    ['qwen3-vl-', 262_144, undefined, 'tools image'],
    ['qwen3-next-80b', 262_144, undefined, 'tools'],
    ['qwen3.7-', M, 65_536, 'tools reasoning image'],
    ['qwen3.8-', M, 131_072, 'tools reasoning image'],
    ['qwq-', 131_072, undefined, 'reasoning'],
  ]),
  ...read('minimax', 'platform.minimax.io/docs', [
    ['minimax-m2', 204_800, undefined, 'tools reasoning'],
    ['minimax-m3', M, 128 * K, 'tools reasoning image'],
  ]),
];

const others = [
  ...read('', 'llama.com/docs/model-cards-and-prompt-formats', [
    ['llama-3.1-', 131_072, undefined, 'tools'],
    ['llama-3.3-', 131_072, undefined, 'tools'],
    ['llama-4-scout', 10 * M, undefined, 'tools image'],
    ['llama-4-maverick', M, undefined, 'tools image'],
  ]),
  ...read('', 'docs.ai21.com/docs/jamba-foundation-models', [
    ['jamba-mini', 256 * K, undefined, 'tools !reasoning'],
    ['jamba-large', 256 * K, undefined, 'tools !reasoning'],
  ]),
  ...read('cohere', 'docs.cohere.com/docs/models', [
    // Files go there as documents, which the codec takes as text alone.
    ['command-a-03-2025', 256 * K, 8_000, 'tools toolChoice file !reasoning'],
    ['command-r-08-2024', 128 * K, 4_096, 'tools toolChoice file !reasoning'],
    ['command-r-plus-08-2024', 128 * K, 4_096, 'tools toolChoice file !reasoning'],
    ['command-r7b-12-2024', 128 * K, 4_096, 'tools toolChoice file !reasoning'],
  ]),
  ...read('aws', 'docs.aws.amazon.com/nova/latest/userguide', [
    ['nova-micro', 128 * K, 10_000, 'tools promptCache'],
    ['nova-lite', 300 * K, 10_000, 'tools promptCache image file video'],
    ['nova-pro', 300 * K, 10_000, 'tools promptCache image file video'],
    ['nova-premier', M, 10_000, 'tools image file video'],
  ]),
];

/**
 * The main models of the providers. A host of open weights may offer less context than the model has: what is said here is
 * the most there can be.
 */
export const knownModels: readonly KnownModel[] = [
  ...openai,
  ...anthropic,
  ...google,
  ...mistral,
  ...xai,
  ...deepseek,
  ...perplexity,
  ...groq,
  ...asia,
  ...others,
];
