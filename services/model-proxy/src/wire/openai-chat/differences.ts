import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { type ReasoningParameter, readReasoning, reasoningFields } from './reasoning.ts';

/** How the request of a provider differs from OpenAI's, said as data. What is absent is as OpenAI has it. */
export interface Differences {
  /** Fields that it does not have. One that asks for what is so anyway is left out; any other the target cannot say. */
  lacks?: readonly string[];
  /** Fields that it does not have, and that say nothing of the answer: they are left out. */
  drops?: readonly string[];
  /** Fields by which a client would choose for the gateway, another model, URL or key: they never go there. */
  withheld?: readonly string[];
  /** Fields in which a client could tell it who asks, or in which run: they go as attribution declares, and not otherwise. */
  attributing?: readonly string[];
  /** Fields that it knows by another name. */
  renames?: Readonly<Record<string, string>>;
  /** Most stop sequences. */
  maxStops?: number;
  /** The words of `tool_choice` that it knows; `tool` stands for a choice that names one. */
  toolChoices?: readonly ('auto' | 'none' | 'required' | 'tool')[];
  /** It knows no `response_format` of type `json_schema`. */
  lacksJsonSchema?: boolean;
  /** It refuses `strict` in the definition of a tool. */
  lacksStrict?: boolean;
  /** It refuses `name` on messages. */
  lacksNames?: boolean;
  /** Where it takes text as one string only: in all messages, or in results of tools. */
  plainText?: 'messages' | 'results';
  /** It refuses `content: null`, which goes as an empty string. */
  lacksNullContent?: boolean;
  /** How it is told how much to reason. */
  reasoning?: ReasoningParameter;
  /** It reads OpenRouter's `reasoning` beside that. */
  readsReasoning?: boolean;
}

/** A request as a provider takes it; `body` is the one that was given where nothing differs. */
export interface Adapted {
  readonly body: JsonObject;
  readonly unsupported: readonly Unsupported[];
}

/** Writes a chat completion request as a provider takes it. What it cannot say is left out and listed. */
export function adaptBody(body: JsonObject, differences: Differences): Adapted {
  const unsupported: Unsupported[] = [];
  let copy: JsonObject | undefined;
  const changed = (): JsonObject => {
    copy ??= { ...body };
    return copy;
  };
  const cannot = (field: string, reason: string): void => void unsupported.push({ field, reason });
  for (const field of differences.drops ?? []) if (body[field] !== undefined) delete changed()[field];
  for (const field of differences.withheld ?? []) if (body[field] !== undefined) delete changed()[field];
  for (const field of differences.lacks ?? []) {
    if (body[field] === undefined) continue;
    if (!saysNothing(field, body[field])) cannot(field, 'the provider does not have it');
    delete changed()[field];
  }
  for (const [field, name] of Object.entries(differences.renames ?? {})) {
    if (body[field] === undefined) continue;
    // Both names: the provider's own was written for it.
    if (body[name] === undefined) changed()[name] = body[field];
    delete changed()[field];
  }
  const stops = differences.maxStops;
  if (stops !== undefined && asArray(body.stop).length > stops) {
    cannot('stop', `the provider takes at most ${stops} of them`);
    changed().stop = asArray(body.stop).slice(0, stops);
  }
  adaptTools(body, differences, changed, cannot);
  const format = asObject(body.response_format);
  if (differences.lacksJsonSchema && format?.type === 'json_schema') {
    cannot('response_format', 'the provider has no JSON schemas');
    changed().response_format = { type: 'json_object' };
  }
  const effort = asString(body.reasoning_effort);
  if (effort !== undefined && differences.reasoning !== undefined) {
    const wish = effort === 'none' ? { mode: 'disabled' as const } : { effort };
    const own = changed();
    delete own.reasoning_effort;
    // What a client wrote for the provider stands.
    for (const [field, value] of Object.entries(reasoningFields(differences.reasoning, wish))) {
      const written = own[field];
      const isLeft = field === 'reasoning' && isObject(written) && isObject(value);
      if (!isLeft) own[field] ??= value;
      else if (Object.keys(readReasoning({ reasoning: written }).wish).length === 0)
        own[field] = { ...value, ...written };
    }
  }
  const messages = adaptMessages(body.messages, differences);
  if (messages !== undefined) changed().messages = messages;
  return { body: copy ?? body, unsupported };
}

/** Values with which a field asks for what happens without it. */
function saysNothing(field: string, value: unknown): boolean {
  // At most one call at a time is a demand.
  if (field === 'parallel_tool_calls') return value === true || value === null;
  if (value === null || value === false || value === 0) return true;
  if (field === 'n' || field === 'repetition_penalty') return value === 1;
  if (field === 'response_format') return asObject(value)?.type === 'text';
  if (field === 'tool_choice') return value === 'auto' || value === 'none';
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

function adaptTools(
  body: JsonObject,
  { toolChoices, lacksStrict }: Differences,
  changed: () => JsonObject,
  cannot: (field: string, reason: string) => void,
): void {
  const choice = body.tool_choice;
  if (toolChoices !== undefined && choice !== undefined && choice !== null) {
    const word = typeof choice === 'string' ? choice : 'tool';
    if (!toolChoices.some((known) => known === word)) {
      cannot('tool_choice', `the provider knows ${toolChoices.join(', ')} only`);
      delete changed().tool_choice;
    }
  }
  if (!lacksStrict || !Array.isArray(body.tools)) return;
  if (!body.tools.some((tool) => asObject(asObject(tool)?.function)?.strict !== undefined)) return;
  changed().tools = body.tools.map((tool: unknown) => {
    const definition = asObject(asObject(tool)?.function);
    if (!definition || !isObject(tool)) return tool;
    const { strict: _strict, ...rest } = definition;
    return { ...tool, function: rest };
  });
}

/** The messages as the provider takes them; undefined where they may stay as they are. */
function adaptMessages(messages: unknown, differences: Differences): unknown[] | undefined {
  const { lacksNames, plainText, lacksNullContent } = differences;
  if (!Array.isArray(messages) || !(lacksNames || plainText || lacksNullContent)) return undefined;
  let differs = false;
  const adapted = messages.map((message: unknown) => {
    if (!isObject(message)) return message;
    const copy: JsonObject = { ...message };
    if (lacksNames) delete copy.name;
    if (plainText === 'messages' || (plainText === 'results' && message.role === 'tool')) {
      const text = joinedText(message.content);
      if (text !== undefined) copy.content = text;
    }
    if (lacksNullContent && (copy.content === null || copy.content === undefined)) copy.content = '';
    if (copy.content === message.content && 'name' in copy === 'name' in message) return message;
    differs = true;
    return copy;
  });
  return differs ? adapted : undefined;
}

/** The text of parts that are text alone; anything else goes as it is, for the provider to say what it thinks of it. */
function joinedText(content: unknown): string | undefined {
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part) => (asObject(part)?.type === 'text' ? asString(asObject(part)?.text) : undefined));
  return texts.every((text) => text !== undefined) ? texts.join('\n') : undefined;
}
