import type { ModelProviderSpec } from '@sallyport/custom-resources/model-provider';
import type { ProviderDeclaration } from './define-provider.ts';

/** API version of Azure OpenAI where a resource says none. */
const AZURE_VERSION = '2024-10-21';
const PLACE = /\{(project|location|apiVersion)\}/g;

/**
 * The declaration with what its resource says put into its paths: `{project}`, `{location}`, `{apiVersion}`. Done once a
 * snapshot; a declaration without such places is given back as it is.
 */
export function placed(
  declaration: ProviderDeclaration,
  { google, azure }: Pick<ModelProviderSpec, 'google' | 'azure'>,
): ProviderDeclaration {
  const { paths, variants } = declaration;
  if (!Object.values(paths).some((path) => path.search(PLACE) >= 0)) return declaration;
  const values: Readonly<Record<string, string>> = {
    project: google?.project ?? '',
    location: google?.location ?? '',
    apiVersion: azure?.apiVersion ?? AZURE_VERSION,
  };
  const filled = Object.entries(paths).map(([name, path]) => [
    name,
    path.replace(PLACE, (_place: string, name: string) => values[name] as string),
  ]);
  return {
    ...declaration,
    paths: Object.fromEntries(filled) as ProviderDeclaration['paths'],
    ...(variants === undefined
      ? {}
      : { variants: variants.map((one) => ({ ...one, declaration: placed(one.declaration, { google, azure }) })) }),
  };
}
