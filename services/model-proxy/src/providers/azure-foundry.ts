import { azureResponses } from './azure-responses.ts';
import { defineProvider } from './define-provider.ts';
import type { CloudAuth, KeyAuth } from './provider-auth.ts';

const token = (key: KeyAuth): CloudAuth => ({
  kind: 'azure-client-credentials',
  scope: 'https://ai.azure.com/.default',
  tokenURL: 'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token',
  key,
});
const openai = { chat: '/openai/v1/chat/completions', models: '/openai/v1/models' };
const auth = token({ kind: 'header', header: 'api-key' });

/**
 * Microsoft Foundry (learn.microsoft.com/azure/ai-foundry): all models but Claude by the v1 API of OpenAI's shape. The base URL is
 * the endpoint of the resource, and a Model's target names the deployment, by which Claude and the open models are known.
 */
export const azureFoundry = defineProvider({
  id: 'azure-foundry',
  wire: 'openai-chat',
  baseURLExample: 'https://RESOURCE.services.ai.azure.com',
  auth,
  headers: {},
  passHeaders: [],
  paths: openai,
  priceList: 'azure',
  failureCodes: { DeploymentNotFound: 'not_found' },
  quirks: { maxTokensField: 'max_completion_tokens', developerRole: true },
  also: [azureResponses({ id: 'azure-foundry', auth, priceList: 'azure' })],
  variants: [
    {
      models: /^claude/i,
      declaration: {
        id: 'azure-foundry',
        wire: 'anthropic-messages',
        auth: token({ kind: 'header', header: 'x-api-key' }),
        headers: { 'anthropic-version': '2023-06-01' },
        passHeaders: ['anthropic-beta', 'anthropic-version'],
        paths: { chat: '/anthropic/v1/messages', models: '/openai/v1/models' },
        priceList: 'anthropic',
        quirks: {},
      },
    },
    {
      models: /deepseek|llama|mistral|ministral|codestral|phi-|grok|command|jamba|kimi|qwen|gpt-oss/i,
      declaration: {
        id: 'azure-foundry',
        wire: 'openai-chat',
        auth,
        headers: {},
        passHeaders: [],
        paths: openai,
        priceList: 'azure',
        quirks: { maxTokensField: 'max_tokens' },
      },
    },
  ],
});
