import { MOST } from '../../offerings/subscription-store.ts';
import { CODES, META } from '../../protocol.ts';
import type { ChangingList } from '../change-streams.ts';
import type { Method } from '../exchange.ts';
import { isObject, RpcFault } from '../message.ts';

const FILTERS: Readonly<Record<string, ChangingList>> = {
  toolsListChanged: 'tools',
  promptsListChanged: 'prompts',
  resourcesListChanged: 'resources',
};

const MAX_URI = 8_192;
/** Beyond what could be followed some are there for others: those are looked at, but not a body full of them. */
const MAX_LOOKED_AT = 4 * MOST.session;

/** `subscriptions/listen` of revision 2026-07-28: a stream of notices of change, of the kinds and resources that the client names. */
export const listen: Method = async (_gate, message, exchange) => {
  const { admitted, toolset, signal, notify, streams } = exchange;
  const { notifications } = message.params;
  if (!isObject(notifications)) throw new RpcFault(CODES.invalidParams, 'notifications must say what is listened for.');
  const wanted = Object.keys(FILTERS).filter((key) => notifications[key] === true);
  // A toolset has tools alone.
  const honored = toolset === undefined ? wanted : wanted.filter((key) => FILTERS[key] === 'tools');
  const _meta = { [META.subscriptionId]: message.id };
  const updated = (uri: string) => notify('notifications/resources/updated', { uri, _meta });
  const notices = exchange.notices.open(admitted, signal, updated);
  const { resourceSubscriptions: asked } = notifications;
  const uris =
    toolset === undefined && Array.isArray(asked) ? notices.follow(asked.slice(0, MAX_LOOKED_AT).filter(isUri)) : [];
  signal.addEventListener('abort', () => notices.end(), { once: true });
  const told = Object.fromEntries(honored.map((key) => [key, true]));
  // Of those that are not there for them nothing is said but that they are not among these.
  const resources = uris.length === 0 ? {} : { resourceSubscriptions: uris };
  const acknowledged = { notifications: { ...told, ...resources }, _meta };
  if (!(await notify('notifications/subscriptions/acknowledged', acknowledged))) {
    notices.end();
    throw new RpcFault(CODES.invalidRequest, 'What is listened for comes as text/event-stream.', { status: 406 });
  }
  if (honored.length === 0 && uris.length === 0) return { _meta };
  const lists = honored.map((key) => FILTERS[key] as ChangingList);
  const changed = (list: ChangingList) => void notify(`notifications/${list}/list_changed`, { _meta });
  const { look: looked } = notices;
  const serving = streams.serve({ admitted, toolset: toolset?.name, lists, signal, changed, looked });
  if (typeof serving === 'string') {
    notices.end();
    throw new RpcFault(CODES.server, serving, { status: 429, data: { code: 'rate_limited' } });
  }
  await serving.finally(notices.end);
  signal.throwIfAborted();
  return { _meta };
};

function isUri(one: unknown): one is string {
  return typeof one === 'string' && one !== '' && one.length <= MAX_URI;
}
