import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Amazon Bedrock by Converse (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html): a Model's target names a
 * model, an inference profile or its ARN. A plain key is an API key of Bedrock.
 */
export const bedrock = defineProvider({
  id: 'bedrock',
  wire: 'bedrock-converse',
  auth: { kind: 'sigv4', service: 'bedrock', key: bearer },
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/model/{model}/converse',
    stream: '/model/{model}/converse-stream',
    check: '/async-invoke?maxResults=1',
  },
  priceList: 'aws',
  capabilities: { severalAnswers: false, logprobs: false, seed: false, streaming: true },
  quirks: {},
});
