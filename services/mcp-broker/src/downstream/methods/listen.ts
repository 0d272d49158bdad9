import { CODES, META } from '../../protocol.ts';
import type { ChangingList } from '../change-streams.ts';
import type { Method } from '../exchange.ts';
import { isObject, RpcFault } from '../message.ts';

const FILTERS: Readonly<Record<string, ChangingList>> = {
  toolsListChanged: 'tools',
  promptsListChanged: 'prompts',
  resourcesListChanged: 'resources',
};

/** `subscriptions/listen` of revision 2026-07-28: a stream of notices of change, of the kinds that the client names. */
export const listen: Method = async (_gate, message, { admitted, toolset, signal, notify, streams }) => {
  const { notifications } = message.params;
  if (!isObject(notifications)) throw new RpcFault(CODES.invalidParams, 'notifications must say what is listened for.');
  const wanted = Object.keys(FILTERS).filter((key) => notifications[key] === true);
  // A toolset has tools alone. Updates of single resources are not told of: `resources.subscribe` is not declared.
  const honored = toolset === undefined ? wanted : wanted.filter((key) => FILTERS[key] === 'tools');
  const _meta = { [META.subscriptionId]: message.id };
  const acknowledged = { notifications: Object.fromEntries(honored.map((key) => [key, true])), _meta };
  if (!(await notify('notifications/subscriptions/acknowledged', acknowledged))) {
    throw new RpcFault(CODES.invalidRequest, 'What is listened for comes as text/event-stream.', { status: 406 });
  }
  if (honored.length === 0) return { _meta };
  const lists = honored.map((key) => FILTERS[key] as ChangingList);
  const changed = (list: ChangingList) => void notify(`notifications/${list}/list_changed`, { _meta });
  const serving = streams.serve({ admitted, toolset: toolset?.name, lists, signal, changed });
  if (serving === undefined) throw new RpcFault(CODES.server, 'No more can be listened for at once.');
  await serving;
  signal.throwIfAborted();
  return { _meta };
};
