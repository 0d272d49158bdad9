import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { schemaFault } from '../../catalog/schema-bounds.ts';
import { BODY, DocumentFault, OPERATION, type OperationPlan, type OperationTool, REQUEST } from './plan.ts';
import { bare, isJson, readBody } from './read-body.ts';
import { followed, isNode, type Node } from './read-document.ts';
import type { Operation } from './read-operations.ts';
import { readParameters } from './read-parameters.ts';
import { schemaWriter } from './write-schema.ts';

const MAX_PATH = 1_024;
const MAX_TITLE = 256;
const MAX_DESCRIPTION = 8_192;
const MAX_ACCEPTED = 8;
const IDEMPOTENT = new Set(['GET', 'PUT', 'DELETE']);

/** Makes a tool of an operation. Throws DocumentFault, with words for who declared the server. */
export function toolOfOperation(
  document: Node,
  operation: Operation,
  reserved: ReadonlySet<string>,
): { readonly tool: OperationTool; readonly plan: OperationPlan } {
  const { name, method, path, node } = operation;
  if (!isPath(path)) throw new DocumentFault('its path is no path');
  const writer = schemaWriter(document, 'readOnly');
  const parameters = readParameters(document, operation, writer, reserved);
  const body = method === 'GET' ? undefined : readBody(document, node, writer);
  const properties: JsonObject = Object.fromEntries(parameters.map(({ plan, schema }) => [plan.argument, schema]));
  const required = parameters.flatMap((one) => (one.required ? [one.plan.argument] : []));
  if (body !== undefined) {
    properties[BODY] = body.schema;
    if (body.required) required.push(BODY);
  }
  const defs = writer.defs();
  const inputSchema: JsonObject = {
    type: 'object',
    properties,
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
    ...(Object.keys(defs).length === 0 ? {} : { $defs: defs }),
  };
  const { outputSchema, wraps, accept } = answerOf(document, node);
  const plan: OperationPlan = {
    method,
    path,
    parameters: parameters.map((one) => one.plan),
    ...(body === undefined ? {} : { body: body.plan }),
    accept,
    wraps,
  };
  return {
    tool: {
      name,
      ...wordsOf(node),
      inputSchema,
      ...(outputSchema === undefined ? {} : { outputSchema }),
      annotations: {
        readOnlyHint: method === 'GET',
        idempotentHint: IDEMPOTENT.has(method),
        ...(method === 'GET' ? {} : { destructiveHint: method !== 'POST' }),
        [OPERATION]: `${method} ${path}`,
        [REQUEST]: createHash('sha256')
          .update(canonicalJson(plan as unknown as JsonValue))
          .digest('hex')
          .slice(0, 32),
      },
    },
    plan,
  };
}

/** Whether a template is a path as it stands, which no parser of URLs reads as another one. */
function isPath(template: string): boolean {
  if (!template.startsWith('/') || template.length > MAX_PATH) return false;
  const example = template.replace(/\{[^{}]*\}/g, 'x');
  return !/[?#]|\/\//.test(example) && new URL(`https://api.example${example}`).pathname === example;
}

function wordsOf(node: Node): { title?: string; description?: string } {
  const text = (value: unknown) => (typeof value === 'string' ? value.trim() : '');
  const [summary, description] = [text(node.summary), text(node.description)];
  const parts = [summary, description, node.deprecated === true ? 'Deprecated.' : ''];
  const whole = [...new Set(parts)].filter((part) => part !== '').join('\n\n');
  return {
    ...(summary === '' || summary.length > MAX_TITLE ? {} : { title: summary }),
    ...(whole === '' ? {} : { description: whole.slice(0, MAX_DESCRIPTION) }),
  };
}

/**
 * What an operation answers when it went well. A schema is given only where every such answer has one that is within the
 * bounds: a result is held to it. What need not be an object stands under `result`, since structured content must be one.
 */
function answerOf(document: Node, node: Node): { outputSchema?: JsonObject; wraps: boolean; accept: string } {
  const responses = isNode(node.responses) ? node.responses : {};
  const well = Object.entries(responses).filter(([status]) => /^2(\d\d|XX)$/i.test(status));
  const types = new Set<string>();
  const schemas = new Map<string, unknown>();
  let all = well.length > 0;
  for (const [, response] of well) {
    const answer = followed(document, response);
    const content = isNode(answer) && isNode(answer.content) ? answer.content : {};
    for (const type of Object.keys(content)) types.add(bare(type));
    const [, media] = Object.entries(content).find(([type]) => isJson(type)) ?? [];
    const schema = isNode(media) ? media.schema : undefined;
    if (schema === undefined || Object.keys(content).length > 1) all = false;
    else schemas.set(JSON.stringify(schema), schema);
  }
  const jsonFirst = [...types].sort((a, b) => Number(isJson(b)) - Number(isJson(a))).slice(0, MAX_ACCEPTED);
  const accept = jsonFirst.filter((type) => /^[\w.+*-]+\/[\w.+*-]+$/.test(type)).join(', ') || '*/*';
  const only = schemas.size === 1 ? [...schemas.values()][0] : undefined;
  if (!all || only === undefined) return { wraps: false, accept };
  try {
    const writer = schemaWriter(document, 'writeOnly');
    const written = writer.write(only);
    const target = followed(document, only);
    const wraps = !isNode(target) || target.type !== 'object';
    const defs = writer.defs();
    const inner = wraps
      ? { properties: { result: written }, required: ['result'] }
      : typeof written === 'object'
        ? (written as JsonObject)
        : {};
    const outputSchema: JsonObject = {
      ...inner,
      type: 'object',
      ...(Object.keys(defs).length === 0 ? {} : { $defs: defs }),
    };
    // A tool whose answer is described at too great a length is used without the description.
    return schemaFault(outputSchema) === undefined ? { outputSchema, wraps, accept } : { wraps: false, accept };
  } catch (error) {
    if (error instanceof DocumentFault) return { wraps: false, accept };
    throw error;
  }
}
