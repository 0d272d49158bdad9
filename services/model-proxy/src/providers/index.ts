import { ai21 } from './ai21.ts';
import { anthropic } from './anthropic.ts';
import { anthropicCompatible } from './anthropic-compatible.ts';
import { apisix } from './apisix.ts';
import { azureFoundry } from './azure-foundry.ts';
import { azureOpenai } from './azure-openai.ts';
import { bedrock } from './bedrock.ts';
import { cerebras } from './cerebras.ts';
import { cloudflare } from './cloudflare.ts';
import { cohere } from './cohere.ts';
import { databricks } from './databricks.ts';
import { deepinfra } from './deepinfra.ts';
import { deepseek } from './deepseek.ts';
import type { ProviderDeclaration } from './define-provider.ts';
import { fireworks } from './fireworks.ts';
import { gemini } from './gemini.ts';
import { geminiCompatible } from './gemini-compatible.ts';
import { githubModels } from './github-models.ts';
import { groq } from './groq.ts';
import { huggingface } from './huggingface.ts';
import { litellm } from './litellm.ts';
import { llamaCpp } from './llama-cpp.ts';
import { lmStudio } from './lm-studio.ts';
import { minimax } from './minimax.ts';
import { mistral } from './mistral.ts';
import { moonshot } from './moonshot.ts';
import { nebius } from './nebius.ts';
import { novita } from './novita.ts';
import { nvidiaNim } from './nvidia-nim.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { openaiResponsesCompatible } from './openai-responses-compatible.ts';
import { openrouter } from './openrouter.ts';
import { perplexity } from './perplexity.ts';
import { portkey } from './portkey.ts';
import { qwen } from './qwen.ts';
import { sallyport } from './sallyport.ts';
import { sambanova } from './sambanova.ts';
import { sglang } from './sglang.ts';
import { tgi } from './tgi.ts';
import { together } from './together.ts';
import { vertex } from './vertex.ts';
import { vllm } from './vllm.ts';
import { xai } from './xai.ts';
import { zhipu } from './zhipu.ts';

/** Every provider that a ModelProvider may name, one line each. */
export const providers: readonly ProviderDeclaration[] = [
  openai,
  anthropic,
  gemini,
  bedrock,
  vertex,
  azureOpenai,
  azureFoundry,
  groq,
  mistral,
  cerebras,
  cohere,
  openrouter,
  ollama,
  vllm,
  xai,
  deepseek,
  together,
  fireworks,
  perplexity,
  deepinfra,
  sambanova,
  nvidiaNim,
  huggingface,
  cloudflare,
  githubModels,
  databricks,
  moonshot,
  qwen,
  zhipu,
  minimax,
  ai21,
  nebius,
  novita,
  lmStudio,
  llamaCpp,
  tgi,
  sglang,
  litellm,
  portkey,
  apisix,
  sallyport,
  openaiCompatible,
  openaiResponsesCompatible,
  anthropicCompatible,
  geminiCompatible,
];

const byId: ReadonlyMap<string, ProviderDeclaration> = new Map(providers.map((provider) => [provider.id, provider]));

/** The declaration of a ModelProvider's `type`, or undefined. */
export function findProvider(id: string): ProviderDeclaration | undefined {
  return byId.get(id);
}
