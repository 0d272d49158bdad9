import { GatewayError } from '@sallyport/chassis/errors';
import { beginTurn } from '../../invoke/admit.ts';
import { reachedResource } from '../../offerings/visible.ts';
import { CODES } from '../../protocol.ts';
import type { Exchange, Method } from '../exchange.ts';
import { type Message, RpcFault } from '../message.ts';
import { recordUnreached } from '../offering-call.ts';
import { notFound } from './read-resource.ts';

/**
 * `resources/subscribe` of the older line: from then on the stream of the session tells when the resource has changed. It is
 * decided as reading the resource is; what is read after a notice is decided by itself.
 */
export const subscribe: Method = async (gate, message, exchange) => {
  const { admitted, headers, revision, signal, subscriptions } = exchange;
  const { uri, session } = subscribed(message, exchange);
  if (reachedResource(gate, admitted, 'resources/read', uri) === undefined) {
    recordUnreached(gate, beginTurn(admitted, headers, signal), 'resources/read');
    throw notFound(uri, revision);
  }
  if (!(await subscriptions.add(admitted.principal, session, uri))) {
    throw new RpcFault(CODES.server, 'No more resources can be subscribed to.', { data: { code: 'rate_limited' } });
  }
  return {};
};

/** `resources/unsubscribe` of the older line; of what is not subscribed to nothing is said. */
export const unsubscribe: Method = async (_gate, message, exchange) => {
  const { uri, session } = subscribed(message, exchange);
  await exchange.subscriptions.remove(exchange.admitted.principal, session, uri);
  return {};
};

/** In bytes: what is kept by it stands in an index, which takes 2,700. */
const MAX_URI = 2_500;

function subscribed({ params }: Message, { session }: Exchange) {
  const { uri } = params;
  if (typeof uri !== 'string' || uri === '' || Buffer.byteLength(uri) > MAX_URI) {
    throw new RpcFault(CODES.invalidParams, `uri must be a text of at most ${MAX_URI} bytes.`);
  }
  // There is nowhere else to tell it.
  if (session === undefined) throw new GatewayError('invalid_request', 'The header mcp-session-id is missing.');
  return { uri, session };
}
