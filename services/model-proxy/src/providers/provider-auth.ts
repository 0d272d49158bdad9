/** A key that goes along as it is: in a header, after a scheme if one is said, or in the query. */
export type KeyAuth =
  | { readonly kind: 'header'; readonly header: string; readonly scheme?: string }
  | { readonly kind: 'query'; readonly parameter: string };

/** A credential of several parts, a JSON object, which is not sent; `key` says where one goes that is a plain key. */
export type CloudAuth =
  /** AWS Signature Version 4 over the whole call. */
  | { readonly kind: 'sigv4'; readonly service: string; readonly key: KeyAuth }
  /** A token for an assertion that the account's key signs. */
  | {
      readonly kind: 'google-service-account';
      readonly scope: string;
      readonly tokenURL: string;
      readonly key: KeyAuth;
    }
  /** A token for the secret of an application; in `tokenURL` `{tenant}` stands for its tenant. */
  | {
      readonly kind: 'azure-client-credentials';
      readonly scope: string;
      readonly tokenURL: string;
      readonly key: KeyAuth;
    };

/** How a provider is told who calls; `none` where it takes no credential. */
export type ProviderAuth = KeyAuth | CloudAuth | { readonly kind: 'none' };

/** OpenAI's way, and that of most. */
export const bearer: KeyAuth = Object.freeze({ kind: 'header', header: 'authorization', scheme: 'Bearer' });
