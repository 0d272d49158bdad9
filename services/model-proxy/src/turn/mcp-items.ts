import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Tool } from '@sallyport/proto/tools/v1/tools_pb';
import { MAX_EXPOSED_NAME } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import type { Exchange } from '../responses/exchange.ts';
import { mcpToolName, nameOnServer } from '../wire/openai-responses/tools.ts';
import type { Release } from './release.ts';
import type { TurnCall } from './turn.ts';

/** A tool as mcp-broker lists it. */
export type BrokeredTool = Pick<Tool, 'ref' | 'exposedName' | 'description' | 'inputSchemaJson' | 'toolClass'> &
  Partial<Pick<Tool, 'toolset' | 'setArgumentsJson'>>;

/** An id of an item that the gateway makes; `prefix` is that of its type at OpenAI. */
export function itemId(prefix: 'mcp' | 'mcpl' | 'mcpr'): string {
  return `${prefix}_${uuidv7().replaceAll('-', '')}`;
}

/** The tools of a server as a client of the Responses API is told them. */
export function listItem(label: string, tools: readonly BrokeredTool[]): JsonObject {
  return {
    id: itemId('mcpl'),
    type: 'mcp_list_tools',
    server_label: label,
    tools: tools.map(({ exposedName, description, inputSchemaJson, toolClass }) => ({
      name: nameOnServer(label, exposedName),
      description,
      input_schema: JSON.parse(inputSchemaJson || '{"type":"object"}') as unknown,
      annotations: { readOnlyHint: toolClass === 'read' },
    })),
    error: null,
  };
}

/** What a name of a server's tool has to be: one that stood in arguments may be any text. */
const NAMEABLE = /^[A-Za-z][\w-]*$/;

/** Label of the server that a call is of, by its tool, else by its name; '' where there can be none. */
export function labelOfServer({ name, tool, own }: TurnCall): string {
  const known = own?.label ?? tool?.listed?.label;
  if (known !== undefined) return known;
  const canBe = name.length <= MAX_EXPOSED_NAME && NAMEABLE.test(name) && name.includes('__');
  return canBe ? name.slice(0, name.indexOf('__')) : '';
}

function placeOf(call: TurnCall): { server_label: string; name: string } {
  const label = labelOfServer(call);
  return { server_label: label, name: nameOnServer(label, call.name) };
}

/** The name that a call of a server's tool has when its item comes back. */
export function returningName(call: TurnCall): string {
  return mcpToolName(labelOfServer(call), call.name);
}

/** A call that was made, or refused, with what the model was told of it. */
export function callItem(
  id: string,
  call: TurnCall,
  told: { readonly text: string; readonly isError: boolean; readonly question?: string | undefined },
): JsonObject {
  const { text, isError, question = null } = told;
  return {
    id,
    type: 'mcp_call',
    status: isError ? 'failed' : 'completed',
    approval_request_id: question,
    arguments: call.written,
    error: isError ? { type: 'mcp_tool_execution_error', content: [{ type: 'text', text }] } : null,
    ...placeOf(call),
    output: isError ? null : text,
  };
}

/** The question whether a call may be made. */
export function questionItem(id: string, call: TurnCall): JsonObject {
  return { id, type: 'mcp_approval_request', arguments: call.written, ...placeOf(call) };
}

/** Shows the client an item of the gateway's own. */
export async function showItem(release: Release, value: JsonObject): Promise<void> {
  await release.event({ type: 'opaque', dialect: 'openai-responses', kind: String(value.type), value });
}

/** Tells the client, once, what is to be told before all else. */
export async function tellOpening(exchange: Exchange, release: Release): Promise<void> {
  for (const item of exchange.opening.splice(0)) await showItem(release, item);
}
