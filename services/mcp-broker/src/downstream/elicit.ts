import type { PendingApproval } from '../invoke/ask.ts';
import type { Called } from '../invoke/call-tool.ts';
import type { Gate } from '../invoke/gate.ts';
import { CODES, META } from '../protocol.ts';
import { isObject, type Message, RpcFault } from './message.ts';
import type { RequestState, StatedRequest } from './request-state.ts';

/** Member of `_meta` of a result that waits for an approval. */
export const APPROVAL_META = 'sallyport.dev/approval';
/** Key of the one request for input that is made. */
const INPUT = 'approval';

/** What a client says when it comes back with the state of an earlier answer. */
export type Return = { readonly state: RequestState; readonly consents: boolean } | undefined;

/** Tells whether a client of revision 2026-07-28 opens links for its user; said with each request. */
export function opensLinks(message: Message): boolean {
  return hasUrlMode(message.meta[META.clientCapabilities]);
}

/** Tells whether capabilities declare elicitation by URL. */
export function hasUrlMode(capabilities: unknown): boolean {
  return isObject(capabilities) && isObject(capabilities.elicitation) && isObject(capabilities.elicitation.url);
}

/**
 * Reads what a client brings back. Consent is the requester's word that it goes on waiting; it approves nothing. Throws
 * RpcFault for a state that is not this request's.
 */
export function readReturn(gate: Pick<Gate, 'states'>, message: Message, request: StatedRequest): Return {
  const { requestState, inputResponses } = message.params;
  if (requestState === undefined) return undefined;
  const state = typeof requestState === 'string' ? gate.states.open(request, requestState) : undefined;
  if (state === undefined) {
    throw new RpcFault(CODES.invalidParams, 'requestState was not issued for this request, or has expired.');
  }
  const answer = isObject(inputResponses) ? inputResponses[INPUT] : undefined;
  return { state, consents: isObject(answer) && answer.action === 'accept' };
}

/** The page of an approval, which names it without granting it. */
export function approvalLink(base: string, { id }: PendingApproval): string {
  return `${base}/approve/${encodeURIComponent(id)}`;
}

/** What a person is told before they open the page. */
const MESSAGE = 'This call needs an approval. The page shows who may give it, and what the call would do.';

/** A result of revision 2026-07-28 that asks the client to show the page and to come back. */
export function inputRequired(link: string, requestState: string): object {
  return {
    resultType: 'input_required',
    inputRequests: {
      [INPUT]: { method: 'elicitation/create', params: { mode: 'url', message: MESSAGE, url: link } },
    },
    requestState,
  };
}

/** The error of revision 2025-11-25 that asks the client to show the page and to make the call again. */
export function urlElicitation(link: string, { id }: PendingApproval): RpcFault {
  return new RpcFault(CODES.urlElicitation, 'This call needs an approval before it is made.', {
    data: { elicitations: [{ mode: 'url', elicitationId: id, url: link, message: MESSAGE }] },
  });
}

/** The error result for a client that can only be told: rule, reason, the approval and where it can be given. */
export function waitingResult({ shown }: Called, link: string, pending: PendingApproval, declined: boolean) {
  const next = declined
    ? 'The user did not want to wait for it.'
    : 'Once it is given, make exactly the same call again.';
  const text = `${shown.text} The approval ${pending.id} can be given at ${link} . ${next}`;
  const expiresAt = new Date(pending.expiresAtMs || Date.now()).toISOString();
  return {
    result: { content: [{ type: 'text', text }], isError: true },
    meta: { [APPROVAL_META]: { id: pending.id, url: link, expiresAt } },
  };
}
