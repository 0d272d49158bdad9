import { CODES } from '../../protocol.ts';
import type { Method } from '../exchange.ts';
import { RpcFault } from '../message.ts';

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/**
 * `logging/setLevel` of the older line. Any level is kept to: what servers log is content of theirs that no rule decides
 * on, so it stays behind, and the gate logs nothing to clients.
 */
export const setLevel: Method = (_gate, { params }) => {
  if (!LEVELS.includes(params.level as string))
    throw new RpcFault(CODES.invalidParams, 'level must be a level of MCP.');
  return {};
};
