import { GatewayError } from '@sallyport/chassis/errors';
import { asObject, asString, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { typeOfItem } from '../wire/openai-responses/inspect.ts';
import { mcpToolName } from '../wire/openai-responses/tools.ts';

/** A call that the gateway asked about in an earlier answer, and what the client answers now. */
export interface AnsweredApproval {
  /** Id of the question. */
  readonly id: string;
  readonly serverLabel: string;
  /** Name that the model called. */
  readonly name: string;
  readonly arguments: string;
  readonly approve: boolean;
  /** What the model is told where the call is not to be made. */
  readonly refusal: string;
}

/** An input without the items that only the gateway understands, and what these said. */
export interface Settled {
  readonly items: readonly unknown[];
  readonly answered: readonly AnsweredApproval[];
  /** Labels of the servers whose tools were listed before. */
  readonly listed: ReadonlySet<string>;
  /** False where every item stands as it was. */
  readonly changed: boolean;
}

/**
 * Reads the items of the gateway's own loop: calls that it ran become calls and their outputs, as any model knows them, lists of
 * tools go, and answers to its questions are taken out. Only answers that nothing followed are acted on; of earlier ones the refused
 * stay as calls that were not made, and of the approved the call itself stands in the input. Throws GatewayError
 * `invalid_request` for an answer to a question that was not asked.
 */
export function settleItems(items: readonly unknown[]): Settled {
  const settled: unknown[] = [];
  const listed = new Set<string>();
  const questions = new Map<string, JsonObject>();
  const answers: { at: number; item: JsonObject; path: string }[] = [];
  const made = new Set<string>();
  let lastSaid = -1;
  let changed = false;
  for (const [index, item] of items.entries()) {
    const type = isObject(item) ? typeOfItem(item) : undefined;
    if (!isObject(item) || type === undefined || !type.startsWith('mcp_')) {
      if (isObject(item) && isSaid(item, type)) lastSaid = index;
      settled.push(item);
      continue;
    }
    changed = true;
    switch (type) {
      case 'mcp_list_tools':
        listed.add(asString(item.server_label) ?? '');
        break;
      case 'mcp_approval_request':
        lastSaid = index;
        questions.set(asString(item.id) ?? '', item);
        break;
      case 'mcp_approval_response':
        answers.push({ at: index, item, path: `input[${index}]` });
        // Its place, should it have been refused.
        settled.push(item);
        break;
      case 'mcp_call':
        lastSaid = index;
        made.add(asString(item.approval_request_id) ?? '');
        settled.push(...madeCall(item, `input[${index}]`));
        break;
      default:
        settled.push(item);
    }
  }
  const answered: AnsweredApproval[] = [];
  const places = new Map<unknown, unknown[]>();
  for (const { at, item, path } of answers) {
    const question = questions.get(asString(item.approval_request_id) ?? '');
    if (!question) throw fault(`${path}.approval_request_id`, 'names no question that was asked');
    const answer = readAnswer(question, item, path);
    const isFresh = at > lastSaid && !made.has(answer.id);
    if (isFresh) answered.push(answer);
    places.set(item, isFresh || answer.approve ? [] : refusedCall(answer));
  }
  const placed = places.size === 0 ? settled : settled.flatMap((item) => places.get(item) ?? [item]);
  return { items: placed, answered, listed, changed };
}

function isSaid(item: JsonObject, type: string | undefined): boolean {
  return type === 'message' ? item.role === 'assistant' : !type?.endsWith('_output');
}

function readAnswer(question: JsonObject, item: JsonObject, path: string): AnsweredApproval {
  const serverLabel = asString(question.server_label) ?? '';
  const name = asString(question.name) ?? '';
  if (serverLabel === '' || name === '') throw fault(path, 'answers a question without a call');
  if (typeof item.approve !== 'boolean') throw fault(`${path}.approve`, 'must be a boolean');
  const reason = asString(item.reason);
  return {
    id: asString(question.id) ?? '',
    serverLabel,
    name: mcpToolName(serverLabel, name),
    arguments: asString(question.arguments) ?? '',
    approve: item.approve,
    refusal: `The user did not approve this call.${reason ? ` ${reason}` : ''}`,
  };
}

function madeCall(item: JsonObject, path: string): JsonObject[] {
  const id = asString(item.id);
  const label = asString(item.server_label);
  const name = asString(item.name);
  if (!id || !label || !name) throw fault(path, 'must have an id, a server_label and a name');
  const output = asString(item.output) ?? errorText(item.error) ?? '';
  return [functionCall(id, mcpToolName(label, name), asString(item.arguments) ?? ''), functionOutput(id, output)];
}

/** The words of an error, which newer clients take as an object. */
function errorText(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  const content = asObject(error)?.content;
  if (!Array.isArray(content)) return asString(asObject(error)?.message);
  return content.map((part) => asString(asObject(part)?.text) ?? '').join('\n');
}

function refusedCall(answer: AnsweredApproval): JsonObject[] {
  return [functionCall(answer.id, answer.name, answer.arguments), functionOutput(answer.id, answer.refusal)];
}

function functionCall(call_id: string, name: string, written: string): JsonObject {
  return { type: 'function_call', call_id, name, arguments: written };
}

function functionOutput(call_id: string, output: string): JsonObject {
  return { type: 'function_call_output', call_id, output };
}

function fault(param: string, what: string): GatewayError {
  return new GatewayError('invalid_request', `${param}: ${what}.`, { details: { param } });
}
