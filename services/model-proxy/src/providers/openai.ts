import { EVERY_OPERATION, openAiAlike } from './openai-alike.ts';
import { bearer } from './provider-auth.ts';

const api = { id: 'openai', baseURL: 'https://api.openai.com/v1', priceList: 'openai', batchPercent: 50 };

/** Models that reason: asked of any other, reasoning in encrypted form is refused. */
const REASONING = /^(o[1-9]|gpt-[5-9]|gpt-\d\d|codex)/;

/** OpenAI's own API. */
export const openai = openAiAlike({
  ...api,
  serves: EVERY_OPERATION.filter((operation) => operation !== 'rerank'),
  takes: 'all',
  developerRole: true,
  also: [
    {
      ...api,
      wire: 'openai-responses',
      auth: bearer,
      headers: {},
      passHeaders: [],
      paths: { chat: '/responses', models: '/models' },
      quirks: { encryptsReasoning: (model) => REASONING.test(model) && !model.includes('chat') },
    },
  ],
});
