import { azureResponses } from './azure-responses.ts';
import { defineProvider } from './define-provider.ts';
import type { ProviderAuth } from './provider-auth.ts';

const auth: ProviderAuth = {
  kind: 'azure-client-credentials',
  scope: 'https://cognitiveservices.azure.com/.default',
  tokenURL: 'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token',
  key: { kind: 'header', header: 'api-key' },
};

/**
 * Azure OpenAI by deployment (learn.microsoft.com/azure/ai-foundry/openai/reference): a Model's target names the deployment. The
 * base URL is the endpoint of the resource.
 */
export const azureOpenai = defineProvider({
  id: 'azure-openai',
  wire: 'openai-chat',
  baseURLExample: 'https://RESOURCE.openai.azure.com',
  auth,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/openai/deployments/{model}/chat/completions?api-version={apiVersion}',
    models: '/openai/models?api-version={apiVersion}',
    completions: '/openai/deployments/{model}/completions?api-version={apiVersion}',
    embeddings: '/openai/deployments/{model}/embeddings?api-version={apiVersion}',
    imageGenerations: '/openai/deployments/{model}/images/generations?api-version={apiVersion}',
    imageEdits: '/openai/deployments/{model}/images/edits?api-version={apiVersion}',
    transcriptions: '/openai/deployments/{model}/audio/transcriptions?api-version={apiVersion}',
    translations: '/openai/deployments/{model}/audio/translations?api-version={apiVersion}',
    speech: '/openai/deployments/{model}/audio/speech?api-version={apiVersion}',
  },
  priceList: 'azure',
  failureCodes: { DeploymentNotFound: 'not_found' },
  quirks: { maxTokensField: 'max_completion_tokens', developerRole: true },
  also: [azureResponses({ id: 'azure-openai', auth, priceList: 'azure' })],
});
