import type { OpenAiChatQuirks } from '../wire/openai-chat/request.ts';
import { defineProvider, type OperationPaths, type ProviderDeclaration } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Where OpenAI has what is served beside chat. */
const PATHS: Required<OperationPaths> = {
  completions: '/completions',
  embeddings: '/embeddings',
  moderations: '/moderations',
  rerank: '/rerank',
  imageGenerations: '/images/generations',
  imageEdits: '/images/edits',
  imageVariations: '/images/variations',
  transcriptions: '/audio/transcriptions',
  translations: '/audio/translations',
  speech: '/audio/speech',
  files: '/files',
  batches: '/batches',
};

/** All that OpenAI serves beside chat, or that others serve in its shape. */
export const EVERY_OPERATION = Object.keys(PATHS) as (keyof OperationPaths)[];

/** Fields that are for OpenAI's own accounts and say nothing of the answer: most others refuse or ignore them. */
const OPENAI_ONLY: readonly string[] = [
  'store',
  'service_tier',
  'metadata',
  'safety_identifier',
  'prompt_cache_retention',
  'prompt_cache_options',
];

type Declared = Extract<ProviderDeclaration, { wire: 'openai-chat' }>;

/** What is to be said of a provider that speaks OpenAI's chat completions; all else is as OpenAI has it. */
export type OpenAiAlike = Omit<Declared, 'wire' | 'auth' | 'headers' | 'passHeaders' | 'paths' | 'quirks'> &
  Partial<Pick<Declared, 'auth' | 'headers' | 'paths'>> &
  OpenAiChatQuirks & {
    /** What it serves beside chat, where OpenAI has it. */
    serves?: readonly (keyof OperationPaths)[];
    /** It knows `max_tokens` alone, not `max_completion_tokens`. */
    oldTokenLimit?: true;
    /** Of the fields for OpenAI's own accounts it takes these. */
    takes?: readonly string[] | 'all';
  };

/** Declares a provider that speaks OpenAI's chat completions, with a key as bearer token. */
export function openAiAlike(said: OpenAiAlike): Readonly<Declared> {
  const { serves = [], oldTokenLimit, takes = [], auth = bearer, headers = {}, paths, ...rest } = said;
  const { maxTokensField, topK, differs, reasoningField, reasoningDetails, cacheMarks, developerRole, ...provider } =
    rest;
  const drops = takes === 'all' ? [] : OPENAI_ONLY.filter((field) => !takes.includes(field));
  const renames = { ...(oldTokenLimit ? { max_completion_tokens: 'max_tokens' } : {}), ...differs?.renames };
  const dropped = [...drops, ...(differs?.drops ?? [])];
  const differences = {
    ...differs,
    ...(dropped.length > 0 ? { drops: dropped } : {}),
    ...(Object.keys(renames).length > 0 ? { renames } : {}),
  };
  const quirks: OpenAiChatQuirks = {
    maxTokensField: maxTokensField ?? (oldTokenLimit ? 'max_tokens' : 'max_completion_tokens'),
    ...(topK === undefined ? {} : { topK }),
    ...(reasoningField === undefined ? {} : { reasoningField }),
    ...(reasoningDetails === undefined ? {} : { reasoningDetails }),
    ...(cacheMarks === undefined ? {} : { cacheMarks }),
    ...(developerRole === undefined ? {} : { developerRole }),
    ...(Object.keys(differences).length > 0 ? { differs: differences } : {}),
  };
  return defineProvider({
    ...provider,
    wire: 'openai-chat',
    auth,
    headers,
    passHeaders: [],
    paths: paths ?? {
      chat: '/chat/completions',
      models: '/models',
      ...Object.fromEntries(serves.map((operation) => [operation, PATHS[operation]])),
    },
    quirks,
  });
}
