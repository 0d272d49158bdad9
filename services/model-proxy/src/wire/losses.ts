import type { ChatRequest, Sampling, Unsupported } from '../chat/request.ts';
import type { FunctionTool } from '../chat/tools.ts';
import { ignorableFields } from './openai-chat/request.ts';

/** What could not be said, and what was said another way or left out without changing the answer. */
export interface Notes {
  readonly unsupported: Unsupported[];
  readonly adjusted: Unsupported[];
}

/** Values of parameters that ask for what is so anyway. */
const idle: Readonly<Partial<Record<keyof Sampling, number | boolean>>> = {
  frequencyPenalty: 0,
  presencePenalty: 0,
  n: 1,
  logprobs: false,
  topLogprobs: 0,
};

/** Notes those of the parameters `lacking` that a request says, `vendor` having no word for them. */
export function noteLacking(
  { sampling }: ChatRequest,
  lacking: readonly (keyof Sampling)[],
  vendor: string,
  { unsupported }: Notes,
): void {
  for (const name of lacking) {
    const value = sampling[name];
    if (value === undefined || value === idle[name]) continue;
    if (typeof value === 'object' && Object.keys(value).length === 0) continue;
    unsupported.push({ field: `sampling.${name}`, reason: `${vendor} has no such parameter` });
  }
}

/** Notes the fields of other dialects, but those that are taken over, and whom the call is for. */
export function noteForeign(
  request: ChatRequest,
  isTaken: (field: string, dialect: string) => boolean,
  vendor: string,
  notes: Notes,
): void {
  if (request.user !== undefined) notes.adjusted.push({ field: 'user', reason: `${vendor} keeps no user` });
  if (request.metadata) notes.adjusted.push({ field: 'metadata', reason: `${vendor} keeps no metadata` });
  for (const [dialect, fields] of Object.entries(request.extra ?? {})) {
    for (const field of Object.keys(fields)) {
      if (isTaken(field, dialect)) continue;
      const isIgnorable = ignorableFields.has(field) || field === 'context_management' || field === 'cache_control';
      (isIgnorable ? notes.adjusted : notes.unsupported).push({ field, reason: `exists in ${dialect} only` });
    }
  }
}

/** The functions that a request offers, narrowed to those that its choice leaves; tools of other kinds are noted. */
export function offeredFunctions(
  { tools, toolChoice: choice }: ChatRequest,
  vendor: string,
  { unsupported }: Notes,
): FunctionTool[] {
  const functions = tools.flatMap((tool, index) => {
    if (tool.type === 'function') return [tool];
    const reason =
      tool.type === 'custom'
        ? `${vendor} has no tools that take free text`
        : tool.type === 'mcp'
          ? 'tools of type mcp are run by the gateway, not by the provider'
          : `the provider-run tool ${tool.kind} exists in ${tool.dialect} only`;
    unsupported.push({ field: `tools[${index}]`, reason });
    return [];
  });
  if (choice?.type === 'tool') return functions.filter(({ name }) => name === choice.name);
  return choice?.type === 'allowed' ? functions.filter(({ name }) => choice.names.includes(name)) : functions;
}
