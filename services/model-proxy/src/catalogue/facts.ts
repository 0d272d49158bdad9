import type { KnownCapabilities } from './capabilities.ts';
import { type KnownModel, knownModels } from './known-models.ts';

/** What is known of a model by its name at whatever provider; the longest known beginning counts. Empty where none does. */
export function factsOf(model: string): KnownCapabilities {
  return knownModel(model)?.facts ?? {};
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
