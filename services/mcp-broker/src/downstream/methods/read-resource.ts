import { beginTurn } from '../../invoke/admit.ts';
import { contentsOf } from '../../offerings/offering-answer.ts';
import { reachedResource } from '../../offerings/visible.ts';
import { CODES, type Revision } from '../../protocol.ts';
import type { Method } from '../exchange.ts';
import { RpcFault } from '../message.ts';
import { isNotTheirs, reading, recordUnreached } from '../offering-call.ts';
import { kept } from '../page.ts';

/** `resources/read`. What a resource holds is decided on as the result of a tool is. */
export const readResource: Method = async (gate, message, exchange) => {
  const { admitted, headers, revision, answerHeader } = exchange;
  const { uri } = message.params;
  if (typeof uri !== 'string' || uri === '') throw new RpcFault(CODES.invalidParams, 'uri must be a text.');
  const turn = beginTurn(admitted, headers, exchange.signal);
  answerHeader('sallyport-turn', turn.id);
  const found = reachedResource(gate, admitted, 'resources/read', uri);
  if (found === undefined) {
    recordUnreached(gate, turn, 'resources/read');
    throw notFound(uri, revision);
  }
  const callee = { tool: found.tool, name: uri, args: { uri: found.uri } };
  const made = await reading(gate, message, exchange, turn, callee);
  const { _meta } = made;
  if (made.kind === 'input') return { ...made.result, _meta };
  if (made.kind === 'refused') {
    if (isNotTheirs(made.text)) throw notFound(uri, revision);
    throw new RpcFault(made.byServer ? notFoundCode(revision) : CODES.server, made.text, { data: { uri } });
  }
  const text = { uri, mimeType: 'application/json', text: made.shown.text };
  const contents = made.asGiven ? contentsOf(made.shown.result.content) : [text];
  // Whether it may be shown is decided anew each time.
  return { contents, ...kept(revision, 0), _meta };
};

/** The same words for one that is not there and one that is not theirs. */
export function notFound(uri: string, revision: Revision): RpcFault {
  return new RpcFault(notFoundCode(revision), 'Resource not found', { data: { uri: uri.slice(0, 2_048) } });
}

// 2026-07-28 made it an invalid parameter.
function notFoundCode({ era }: Revision): number {
  return era === 'modern' ? CODES.invalidParams : CODES.resourceNotFound;
}
