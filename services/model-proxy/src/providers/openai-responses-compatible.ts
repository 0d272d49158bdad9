import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Any server that speaks OpenAI's responses, such as vLLM, LM Studio or another gateway; what it kept would be nobody's. */
export const openaiResponsesCompatible = defineProvider({
  id: 'openai-responses-compatible',
  wire: 'openai-responses',
  baseURLExample: 'https://api.example.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/responses', models: '/models' },
  quirks: {},
});
