import { defineProvider } from './define-provider.ts';

/** Anthropic's own API. */
export const anthropic = defineProvider({
  id: 'anthropic',
  wire: 'anthropic-messages',
  baseURL: 'https://api.anthropic.com/v1',
  auth: { kind: 'header', header: 'x-api-key' },
  headers: { 'anthropic-version': '2023-06-01' },
  passHeaders: ['anthropic-beta', 'anthropic-version'],
  paths: {
    chat: '/messages',
    models: '/models',
    allModels: '/models?limit=1000',
    countTokens: '/messages/count_tokens',
  },
  priceList: 'anthropic',
  quirks: { systemInMessages: true },
});
