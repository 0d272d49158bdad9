import { CODES } from '../../protocol.ts';
import { LOG_LEVELS, type LogLevel } from '../../upstream/caller.ts';
import type { Method } from '../exchange.ts';
import { RpcFault } from '../message.ts';

/**
 * `logging/setLevel` of the older line: from then on the client is told what tool servers log of its calls, once a call's
 * result may be shown as it is. A level that is not set is none: nothing is told.
 */
export const setLevel: Method = (_gate, { params }, { keepLevel }) => {
  const level = LOG_LEVELS.find((one) => one === params.level);
  if (level === undefined) throw new RpcFault(CODES.invalidParams, 'level must be a level of MCP.');
  keepLevel(level satisfies LogLevel);
  return {};
};
