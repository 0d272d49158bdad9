import type { ProviderDeclaration } from './define-provider.ts';

/** Deployments have any name; those that reason are known by the model in it. Asked of others, encrypted reasoning is refused. */
const REASONING = /(^|[-_.])(o[1-9]|gpt-?[5-9]|codex)/i;

/** The responses of OpenAI's shape, which a resource of Azure has at the same place, whatever it is called by otherwise. */
export function azureResponses(api: Pick<ProviderDeclaration, 'id' | 'auth' | 'priceList'>): ProviderDeclaration {
  return {
    ...api,
    wire: 'openai-responses',
    headers: {},
    passHeaders: [],
    paths: { chat: '/openai/v1/responses', models: '/openai/v1/models' },
    quirks: { encryptsReasoning: (model) => REASONING.test(model) && !model.includes('chat') },
  };
}
