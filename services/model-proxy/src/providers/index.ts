import { anthropic } from './anthropic.ts';
import { anthropicCompatible } from './anthropic-compatible.ts';
import type { ProviderDeclaration } from './define-provider.ts';
import { gemini } from './gemini.ts';
import { geminiCompatible } from './gemini-compatible.ts';
import { openai } from './openai.ts';
import { openaiCompatible } from './openai-compatible.ts';

/** Every provider that a ModelProvider may name, one line each. */
export const providers: readonly ProviderDeclaration[] = [
  openai,
  anthropic,
  gemini,
  openaiCompatible,
  anthropicCompatible,
  geminiCompatible,
];

const byId: ReadonlyMap<string, ProviderDeclaration> = new Map(providers.map((provider) => [provider.id, provider]));

/** The declaration of a ModelProvider's `type`, or undefined. */
export function findProvider(id: string): ProviderDeclaration | undefined {
  return byId.get(id);
}
