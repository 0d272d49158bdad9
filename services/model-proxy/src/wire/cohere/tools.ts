import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import { type Notes, offeredFunctions } from '../losses.ts';

/**
 * Writes tools and the choice among them. The API can be told to call some tool or none: a choice of certain ones is said by
 * offering no others.
 */
export function encodeTools(request: ChatRequest, notes: Notes): JsonObject {
  const { toolChoice: choice, parallelToolCalls: parallel } = request;
  const offered = offeredFunctions(request, 'Cohere', notes);
  if (offered.length === 0) return {};
  const strict = offered.filter((tool) => tool.strict === true).length;
  if (strict > 0 && strict < offered.length) {
    notes.adjusted.push({ field: 'tools', reason: 'Cohere holds all calls to their schemas, or none' });
  }
  if (parallel === false) {
    notes.unsupported.push({ field: 'parallelToolCalls', reason: 'Cohere decides itself how many calls it makes' });
  }
  const forced =
    choice?.type === 'required' ||
    choice?.type === 'tool' ||
    (choice?.type === 'allowed' && choice.mode === 'required');
  const said = forced ? 'REQUIRED' : choice?.type === 'none' ? 'NONE' : undefined;
  return {
    tools: offered.map(({ name, description, parameters }) => ({
      type: 'function',
      function: {
        name,
        ...(description ? { description } : {}),
        parameters: parameters ?? { type: 'object', properties: {} },
      },
    })),
    ...(said === undefined ? {} : { tool_choice: said }),
    ...(strict === offered.length ? { strict_tools: true } : {}),
  };
}
