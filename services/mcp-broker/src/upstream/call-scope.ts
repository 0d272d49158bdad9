import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** What one listing or call carries along to the requests that the MCP client makes for it. */
export interface CallScope {
  readonly signal: AbortSignal;
  readonly principal: Principal;
  /** It is done without a credential where nobody has connected the server. */
  readonly mayGoWithout?: boolean;
  /** Names the credential that was sent; '' for none. */
  credential: string;
}

/** The MCP client makes its requests without saying for which call; this says it. */
export const callScope = new AsyncLocalStorage<CallScope>();
