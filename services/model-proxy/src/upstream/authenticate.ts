import type { ProviderAuth } from '../providers/provider-auth.ts';

/** What of a call may carry a credential; `headers` is changed. */
export interface Outgoing {
  /** Path with query. */
  path: string;
  readonly headers: Record<string, string>;
}

/** Puts a credential where the provider reads it. */
export function authenticate(auth: ProviderAuth, key: string, outgoing: Outgoing): void {
  switch (auth.kind) {
    case 'none':
      return;
    case 'header':
      outgoing.headers[auth.header] = auth.scheme === undefined ? key : `${auth.scheme} ${key}`;
      return;
    case 'query':
      outgoing.path += `${outgoing.path.includes('?') ? '&' : '?'}${auth.parameter}=${encodeURIComponent(key)}`;
  }
}
