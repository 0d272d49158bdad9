import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProviderDeclaration } from './define-provider.ts';
import { providers } from './index.ts';

/** Where the types of providers stand for the resources, from the root of the repository. */
export const TYPES_FILE = 'services/custom-resources/src/provider-types.ts';

/** TypeScript that tells custom-resources the types of providers and their vendors' URLs: written here once, in the declarations. */
export function renderProviderTypes(all: readonly ProviderDeclaration[] = providers): string {
  const quoted = (text: string) => `'${text}'`;
  const key = (text: string) => (/^[a-z0-9]+$/.test(text) ? text : quoted(text));
  const list = (ids: readonly string[]) => ids.map((id) => `  ${quoted(id)},`).join('\n');
  const entries = (field: 'baseURL' | 'baseURLExample') =>
    all.flatMap((one) => (one[field] === undefined ? [] : [`  ${key(one.id)}: ${quoted(one[field])},`])).join('\n');
  return `// Made of the declarations in services/model-proxy/src/providers by \`make generate\`; not to be edited.

/** What \`type\` of a ModelProvider may be: every provider that is declared. */
export const providerTypes = [
${list(all.map(({ id }) => id))}
] as const;

/** A provider that is declared. */
export type ProviderType = (typeof providerTypes)[number];

/** Base URLs of the vendors' own APIs. */
export const vendorBaseUrls: Readonly<Partial<Record<ProviderType, string>>> = {
${entries('baseURL')}
};

/** Types whose base URL the resource must say, each with a URL as it may be. */
export const baseUrlExamples: Readonly<Partial<Record<ProviderType, string>>> = {
${entries('baseURLExample')}
};

/** Types that can be told of who asks, in fields of their own. */
export const attributingTypes = [${all
    .filter(({ attribution }) => attribution !== undefined)
    .map(({ id }) => quoted(id))
    .join(', ')}] as const;
`;
}

if (import.meta.main) {
  await writeFile(join(import.meta.dirname, '../../../..', TYPES_FILE), renderProviderTypes());
  console.log(TYPES_FILE);
}
