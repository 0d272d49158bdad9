import { calcPrice } from '../price-list.ts';
import type { KnownCapabilities } from './capabilities.ts';
import { type KnownModel, knownModels } from './known-models.ts';

/**
 * What is known of a model by its name at a provider; the longest known beginning counts. Empty where none does. A host may
 * offer less context than the vendor: what the price list says of the host stands above what is known of the model.
 */
export function factsOf(model: string, priceList?: string): KnownCapabilities {
  const known = knownModel(model);
  if (priceList === undefined || priceList === known?.vendor) return known?.facts ?? {};
  const contextTokens = listedContext(priceList, model) ?? known?.facts.contextTokens;
  return { ...known?.facts, ...(contextTokens === undefined ? {} : { contextTokens }) };
}

/** The context of a model at a provider of the price list, where that tells it. */
function listedContext(providerId: string, model: string): number | undefined {
  try {
    return calcPrice({ input_tokens: 0 }, model, { providerId })?.model.context_window;
  } catch {
    // A price that the list cannot make out is no reason to know nothing else.
    return undefined;
  }
}

/** The entry of the catalogue that a model's name falls under. */
export function knownModel(model: string): KnownModel | undefined {
  const bare = bareName(model);
  let found: KnownModel | undefined;
  for (const one of knownModels) {
    if (bare.startsWith(one.begins) && one.begins.length > (found?.begins.length ?? 0)) found = one;
  }
  return found;
}

/** What stands before the names of one model at different hosts: clouds say its region and vendor. */
const vendors =
  /^((us|eu|apac|global|jp|au|us-gov)\.)?(ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|zai)\./;

/**
 * A model's name as its vendor writes it, in lower case: without the account, folder, region or vendor before it, without
 * the variant behind a colon, and with points where hosts write `p` or `v3p1`.
 */
export function bareName(model: string): string {
  const folderless = model.slice(model.lastIndexOf('/') + 1).toLowerCase();
  const colon = folderless.indexOf(':');
  const name = (colon > 0 ? folderless.slice(0, colon) : folderless).replace(vendors, '');
  return name
    .replace(/^meta-llama-/, 'llama-')
    .replace(/^llama(?=\d)/, 'llama-')
    .replace(/(?<=[a-z-])v?(\d)p(\d)/, '$1.$2');
}
