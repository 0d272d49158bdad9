import { defineProvider } from './define-provider.ts';

/** Any server that speaks Anthropic's messages. */
export const anthropicCompatible = defineProvider({
  id: 'anthropic-compatible',
  wire: 'anthropic-messages',
  baseURLExample: 'https://api.example.com/v1',
  auth: { kind: 'header', header: 'x-api-key' },
  headers: { 'anthropic-version': '2023-06-01' },
  passHeaders: ['anthropic-beta', 'anthropic-version'],
  paths: { chat: '/messages', models: '/models', countTokens: '/messages/count_tokens' },
  quirks: { reasoning: 'budget' },
});
