import type { Amounts, LimitSubject } from '@sallyport/peers/limits';
import type { BrokerTool } from '../catalog/catalog.ts';

/** What one call takes of limits. */
export const ONE_CALL = { requests: 1, steps: 1, concurrency: 1 } as const satisfies Amounts;

/** What limits count a call of a tool under. */
export function callSubject(
  { server, definition }: BrokerTool,
  who: Omit<LimitSubject, 'model' | 'tool'>,
): LimitSubject {
  return { ...who, model: '', tool: `${server.name}/${definition.name}` };
}
