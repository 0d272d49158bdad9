import { serverUrl } from '@sallyport/custom-resources/tool-server-transport';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Server } from '../catalog/catalog.ts';

/** How requests to a server are authenticated. */
export interface ServerCredential {
  readonly use: CredentialUse;
  /** Header that carries it, in lower case. */
  readonly header: string;
  /** Word before it; empty for the bare value. */
  readonly scheme: string;
  /** Query parameter that carries it in place of the header. */
  readonly parameter: string | undefined;
  /** It is a token that vault had for the person, which may be had anew, and lack scopes. */
  readonly isToken: boolean;
}

/** Vault may have to ask an authorization server first. */
const TOKEN_MS = 9_000;
const made = new WeakMap<Server, ServerCredential>();

/** What a server is called with; undefined: nothing. */
export function credentialOf(server: Server): ServerCredential | undefined {
  const { auth, credentials } = server.spec;
  if (auth === undefined && credentials === undefined) return undefined;
  const held = made.get(server);
  if (held !== undefined) return held;
  const { tenant, name, uid } = server;
  const at = { tenant, kind: 'ToolServer', name, uid, origin: new URL(serverUrl(server.spec)).origin } as const;
  const credential: ServerCredential =
    credentials === undefined
      ? {
          use: { ...at, perPrincipal: true, perChain: auth?.type !== 'OAuth', timeoutMs: TOKEN_MS },
          header: 'authorization',
          scheme: 'Bearer',
          parameter: undefined,
          isToken: true,
        }
      : {
          use: { ...at, ref: credentials.secretRef, perPrincipal: credentials.perPrincipal !== undefined },
          header: credentials.header.toLowerCase(),
          scheme: credentials.scheme,
          parameter: credentials.parameter,
          isToken: false,
        };
  made.set(server, credential);
  return credential;
}
