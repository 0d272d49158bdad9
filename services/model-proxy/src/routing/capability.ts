import type { Capabilities, Modality } from '../catalogue/capabilities.ts';
import type { RequestFacts } from '../chat/facts.ts';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { asksForOdds } from '../wire/odds.ts';

/** What a request asks of a target beside text. Absent: it does not. */
export interface Needs {
  readonly tools?: boolean;
  readonly toolChoice?: boolean;
  readonly jsonSchema?: boolean;
  readonly logprobs?: boolean;
  readonly seed?: boolean;
  readonly severalAnswers?: boolean;
  readonly streaming?: boolean;
  /** Kinds of content in the prompt. */
  readonly input?: ReadonlySet<Modality>;
  /** Tokens that the prompt has at the very least. */
  readonly leastTokens: number;
}

/** More bytes than this make a token in no tongue; what is said of a prompt's length is then sure. */
export const MOST_BYTES_PER_TOKEN = 8;

/** What a request needs. Attachments have bytes that are no tokens, so with them nothing is said of the length. */
export function needsOf(facts: RequestFacts, body: JsonObject, bytes: number): Needs {
  const attached = [...facts.attachments, ...facts.toolResults.flatMap((one) => one.attachments)];
  const kinds = attached.flatMap(({ kind }): Modality[] => (kind === 'other' ? [] : [kind]));
  return {
    ...(facts.tools.length > 0 ? { tools: true } : {}),
    ...(forcesTool(body) && facts.tools.length > 0 ? { toolChoice: true } : {}),
    ...(wantsSchema(body) ? { jsonSchema: true } : {}),
    ...(asksForOdds(body) ? { logprobs: true } : {}),
    ...(body.seed !== undefined && body.seed !== null ? { seed: true } : {}),
    ...(facts.n > 1 ? { severalAnswers: true } : {}),
    ...(facts.stream ? { streaming: true } : {}),
    ...(kinds.length > 0 ? { input: new Set(kinds) } : {}),
    leastTokens: attached.length > 0 ? 0 : Math.floor(bytes / MOST_BYTES_PER_TOKEN),
  };
}

/** Fields of a request by what they need, for saying which cannot be had. */
const FIELDS = {
  tools: 'tools',
  toolChoice: 'tool_choice',
  jsonSchema: 'response_format',
  logprobs: 'logprobs',
  seed: 'seed',
  severalAnswers: 'n',
  streaming: 'stream',
} as const;

/** Left out of a request rather than refused where its Model says Drop: the answer is one without them. */
const DROPPABLE: ReadonlySet<string> = new Set(['logprobs', 'seed']);

/**
 * The fields of a request that a target is known not to be able to serve; what is unknown it may. `context` stands for a
 * prompt that is longer than it takes. With `drop`, those without which the answer is still one to the question are not told.
 */
export function lacking(capabilities: Capabilities, needs: Needs, drop: boolean): string[] {
  const missing: string[] = [];
  for (const [need, field] of Object.entries(FIELDS) as [keyof typeof FIELDS, string][]) {
    if (needs[need] && capabilities[need] === false && !(drop && DROPPABLE.has(field))) missing.push(field);
  }
  const { input, contextTokens } = capabilities;
  if (input !== undefined && needs.input !== undefined) {
    for (const kind of needs.input) if (!input.has(kind)) missing.push(kind);
  }
  if (contextTokens !== undefined && needs.leastTokens > contextTokens) missing.push('context');
  return missing;
}

/** Whether a tool must be called, in any dialect: all have a field of their own for it. */
function forcesTool({ tool_choice: choice, toolConfig, tool_config }: JsonObject): boolean {
  if (choice === 'required') return true;
  const type = field(choice, 'type');
  if (type === 'tool' || type === 'any' || type === 'function') return true;
  return field(field(toolConfig ?? tool_config, 'functionCallingConfig'), 'mode') === 'ANY';
}

/** Whether the answer must keep to a JSON schema, in any dialect. */
function wantsSchema({ response_format, text, output_config, generationConfig }: JsonObject): boolean {
  return (
    field(response_format, 'type') === 'json_schema' ||
    field(field(text, 'format'), 'type') === 'json_schema' ||
    field(field(output_config, 'format'), 'type') === 'json_schema' ||
    field(generationConfig, 'responseSchema') !== undefined ||
    field(generationConfig, 'responseJsonSchema') !== undefined
  );
}

function field(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
