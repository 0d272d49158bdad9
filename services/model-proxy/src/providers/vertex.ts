import { defineProvider } from './define-provider.ts';
import type { ProviderAuth } from './provider-auth.ts';

const publishers = '/v1/projects/{project}/locations/{location}/publishers';
const gemini = `${publishers}/google/models/{model}`;
const claude = `${publishers}/anthropic/models/{model}`;

const auth: ProviderAuth = {
  kind: 'google-service-account',
  scope: 'https://www.googleapis.com/auth/cloud-platform',
  tokenURL: 'https://oauth2.googleapis.com/token',
  key: { kind: 'header', header: 'x-goog-api-key' },
};

/**
 * Google's Vertex AI (cloud.google.com/vertex-ai/generative-ai/docs/reference/rest). Claude is spoken to in Anthropic's dialect,
 * whose version stands in the body there.
 */
export const vertex = defineProvider({
  id: 'vertex',
  wire: 'gemini',
  auth,
  headers: {},
  passHeaders: [],
  paths: {
    chat: `${gemini}:generateContent`,
    stream: `${gemini}:streamGenerateContent?alt=sse`,
    models: '/v1beta1/publishers/google/models',
  },
  priceList: 'google',
  quirks: {},
  variants: [
    {
      models: /^claude-/,
      declaration: {
        id: 'vertex',
        wire: 'anthropic-messages',
        auth,
        headers: {},
        passHeaders: ['anthropic-beta'],
        paths: {
          chat: `${claude}:rawPredict`,
          stream: `${claude}:streamRawPredict`,
          models: '/v1beta1/publishers/anthropic/models',
        },
        priceList: 'anthropic',
        quirks: { versionInBody: 'vertex-2023-10-16' },
      },
    },
  ],
});
