import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Lacking } from '@sallyport/peers/connecting';
import { notConnected } from '@sallyport/turn';
import type { PendingApproval } from '../invoke/ask.ts';
import type { Called } from '../invoke/call-tool.ts';
import type { Gate } from '../invoke/gate.ts';
import { CODES, META } from '../protocol.ts';
import { isSample } from '../sampling/read-request.ts';
import { isObject, type Message, RpcFault } from './message.ts';
import type { RequestState, StatedRequest } from './request-state.ts';

/** Member of `_meta` of a result that waits for an approval. */
export const APPROVAL_META = 'sallyport.dev/approval';
/** Member of `_meta` of a result that waits for the person to connect a tool server. */
export const CONNECT_META = 'sallyport.dev/connect';
/** Keys of the one request for input that is made. */
const INPUTS = ['approval', 'connect'] as const;

/** What a client says when it comes back with the state of an earlier answer. */
export type Return =
  | { readonly state: RequestState; readonly consents: boolean; readonly responses: Readonly<Record<string, unknown>> }
  | undefined;

/** Tells whether a client of revision 2026-07-28 opens links for its user; said with each request. */
export function opensLinks(message: Message): boolean {
  return hasUrlMode(message.meta[META.clientCapabilities]);
}

/** How a client can ask its user, by its capabilities; undefined: not at all. */
export function elicitationIn(capabilities: unknown): { readonly form: boolean; readonly url: boolean } | undefined {
  const elicitation = isObject(capabilities) ? capabilities.elicitation : undefined;
  if (!isObject(elicitation)) return undefined;
  const url = isObject(elicitation.url);
  // Without a word on modes it is forms, as before there were links.
  return { form: isObject(elicitation.form) || !url, url };
}

/** A result of revision 2026-07-28 that hands on what a tool server asks of the user: `text` is its requests as JSON. */
export function askedByServer(text: string, requestState: string): object {
  const asked = Object.entries(JSON.parse(text) as object).filter(([, request]) => !isSample(request));
  return { resultType: 'input_required', inputRequests: Object.fromEntries(asked), requestState };
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
  const responses = isObject(inputResponses) ? inputResponses : {};
  const own = INPUTS.map((key) => responses[key]);
  return { state, consents: own.some((answer) => isObject(answer) && answer.action === 'accept'), responses };
}

/** The page of an approval, which names it without granting it. */
export function approvalLink(base: string, { id }: PendingApproval): string {
  return `${base}/approve/${encodeURIComponent(id)}`;
}

/** A page that a client shows its user before the call can go on. */
export interface Page {
  readonly input: (typeof INPUTS)[number];
  readonly link: string;
  /** Unique; 2025-11-25 names an elicitation by it. */
  readonly id: string;
  /** What the person is told before they open it. */
  readonly message: string;
}

/** The page of an approval. */
export function approvalPage(link: string, { id }: PendingApproval): Page {
  const message = 'This call needs an approval. The page shows who may give it, and what the call would do.';
  return { input: 'approval', link, id, message };
}

/** The page on which a person connects a tool server. */
export function connectPage(link: string, { server, scopes, link: signIn }: Lacking): Page {
  if (signIn !== undefined) {
    const message = `This call needs you to sign in again, for ${server}. The page leads you there.`;
    return { input: 'connect', link, id: uuidv7(), message };
  }
  const more = scopes.length === 0 ? '' : ' for more than it is now';
  const message = `This call needs an account of yours at ${server}. The page lets you connect it${more}.`;
  return { input: 'connect', link, id: uuidv7(), message };
}

/** A result of revision 2026-07-28 that asks the client to show the page and to come back. */
export function inputRequired({ input, link, message }: Page, requestState: string): object {
  return {
    resultType: 'input_required',
    inputRequests: { [input]: { method: 'elicitation/create', params: { mode: 'url', message, url: link } } },
    requestState,
  };
}

/** The error of revision 2025-11-25 that asks the client to show the page and to make the call again. */
export function urlElicitation({ link, id, message }: Page): RpcFault {
  return new RpcFault(CODES.urlElicitation, message, {
    data: { elicitations: [{ mode: 'url', elicitationId: id, url: link, message }] },
  });
}

/** The error result for a client that can only be told: what is to be connected, and where. */
export function connectResult(link: string, { server, scopes }: Lacking) {
  return {
    result: { content: [{ type: 'text', text: notConnected(link).text }], isError: true },
    meta: { [CONNECT_META]: { server, url: link, scopes } },
  };
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
