import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

const api = {
  id: 'openai',
  baseURL: 'https://api.openai.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  priceList: 'openai',
};

/** Models that reason: asked of any other, reasoning in encrypted form is refused. */
const REASONING = /^(o[1-9]|gpt-[5-9]|gpt-\d\d|codex)/;

/** OpenAI's own API. */
export const openai = defineProvider({
  ...api,
  wire: 'openai-chat',
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    moderations: '/moderations',
    imageGenerations: '/images/generations',
    imageEdits: '/images/edits',
    imageVariations: '/images/variations',
    transcriptions: '/audio/transcriptions',
    translations: '/audio/translations',
    speech: '/audio/speech',
  },
  quirks: { maxTokensField: 'max_completion_tokens', developerRole: true },
  also: [
    {
      ...api,
      wire: 'openai-responses',
      paths: { chat: '/responses', models: '/models' },
      quirks: { encryptsReasoning: (model) => REASONING.test(model) && !model.includes('chat') },
    },
  ],
});
