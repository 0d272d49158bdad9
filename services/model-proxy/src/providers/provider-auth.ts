/** A key that goes along as it is: in a header, after a scheme if one is said, or in the query. */
export type KeyAuth =
  | { readonly kind: 'header'; readonly header: string; readonly scheme?: string }
  | { readonly kind: 'query'; readonly parameter: string };

/** How a provider is told who calls; `none` where it takes no credential. */
export type ProviderAuth = KeyAuth | { readonly kind: 'none' };

/** OpenAI's way, and that of most. */
export const bearer: KeyAuth = Object.freeze({ kind: 'header', header: 'authorization', scheme: 'Bearer' });
