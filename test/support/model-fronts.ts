import Anthropic from '@anthropic-ai/sdk';
import type { Suite } from '@sallyport/cli/dev/suite';
import OpenAI from 'openai';
import type { WireRequest } from '../fakes/provider.ts';

/** A tool call as an agent sees it, in no dialect. */
export interface AgentCall {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
}

/** What an agent says and hears, in no dialect. */
export type AgentMessage =
  | { readonly user: string }
  | { readonly said: string; readonly calls: readonly AgentCall[] }
  | { readonly results: readonly { readonly id: string; readonly text: string }[] };

/** A tool of a request: a function of the agent's own, or the tools of a server. */
export type AgentTool = { readonly name: string } | { readonly server: string };

/** An answer, in no dialect. */
export interface AgentAnswer {
  readonly text: string;
  readonly calls: readonly AgentCall[];
  readonly finish: string;
  readonly trajectory: string;
}

/** How an agent asks through one of the official SDKs. */
export interface AgentRequest {
  readonly model: string;
  readonly messages: readonly AgentMessage[];
  readonly tools?: readonly AgentTool[];
  readonly stream?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks through the OpenAI SDK. */
export async function askOpenAi(suite: Suite, ask: AgentRequest, key = suite.key): Promise<AgentAnswer> {
  const client = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: key, maxRetries: 0 });
  const body = {
    model: ask.model,
    messages: ask.messages.flatMap(openAiMessages),
    ...(ask.tools ? { tools: ask.tools.map(openAiTool) } : {}),
  } as OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;
  const options = { headers: { ...ask.headers } };
  if (!ask.stream) {
    const { data, response } = await client.chat.completions.create(body, options).withResponse();
    return openAiAnswer(data, response);
  }
  const { data, response } = await client.chat.completions
    .create({ ...body, stream: true } as OpenAI.Chat.ChatCompletionCreateParamsStreaming, options)
    .withResponse();
  let text = '';
  let finish = '';
  const calls: { id: string; name: string; args: string }[] = [];
  for await (const { choices } of data) {
    const [choice] = choices;
    text += choice?.delta.content ?? '';
    finish = choice?.finish_reason ?? finish;
    for (const { index, id, function: called } of choice?.delta.tool_calls ?? []) {
      calls[index] ??= { id: '', name: '', args: '' };
      const call = calls[index] as { id: string; name: string; args: string };
      call.id += id ?? '';
      call.name += called?.name ?? '';
      call.args += called?.arguments ?? '';
    }
  }
  return { text, finish, trajectory: trajectoryOf(response), calls: calls.map(parsed) };
}

/** Asks through the Anthropic SDK, whose stream reader refuses blocks out of order. */
export async function askAnthropic(suite: Suite, ask: AgentRequest, key = suite.key): Promise<AgentAnswer> {
  const client = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: key, maxRetries: 0 });
  const body = {
    model: ask.model,
    max_tokens: 500,
    messages: ask.messages.map(anthropicMessage),
    ...(ask.tools ? { tools: ask.tools.map(anthropicTool) } : {}),
  } as Anthropic.MessageCreateParamsNonStreaming;
  const options = { headers: { ...ask.headers } };
  if (ask.stream) {
    const { data, response } = await client.messages.stream(body, options).withResponse();
    return anthropicAnswer(await data.finalMessage(), response);
  }
  const { data, response } = await client.messages.create(body, options).withResponse();
  return anthropicAnswer(data, response);
}

/** Texts of the results in the last message of a request, as the fake provider received it. */
export function resultsIn({ wire, json }: WireRequest): string[] {
  if (wire === 'responses') {
    const items = json.input as { type?: string; output?: unknown }[];
    const last = items.findLastIndex(({ type }) => type !== 'function_call_output');
    return items.slice(last + 1).map(({ output }) => String(output));
  }
  if (wire === 'gemini') {
    const contents = json.contents as { parts: { functionResponse?: { response: unknown } }[] }[];
    const parts = contents.at(-1)?.parts ?? [];
    return parts.flatMap(({ functionResponse: of }) => (of === undefined ? [] : [JSON.stringify(of.response)]));
  }
  const messages = json.messages as { role: string; content: unknown }[];
  if (wire === 'openai') {
    const last = messages.findLastIndex(({ role }) => role !== 'tool');
    return messages.slice(last + 1).map(({ content }) => String(content));
  }
  const last = messages.at(-1)?.content;
  return Array.isArray(last)
    ? last.flatMap((block) => (block.type === 'tool_result' ? [String(block.content)] : []))
    : [];
}

/** Names of the tools in a request, as the fake provider received it. */
export function toolsIn({ wire, json }: WireRequest): string[] {
  const tools = (json.tools ?? []) as { name?: string; type?: string; function?: { name: string } }[];
  return tools.map((tool) => (wire === 'openai' ? tool.function?.name : tool.name) ?? tool.type ?? '');
}

function parsed({ id, name, args }: { id: string; name: string; args: string }): AgentCall {
  return { id, name, args: JSON.parse(args) };
}

function trajectoryOf(response: Response): string {
  return response.headers.get('sallyport-trajectory') ?? '';
}

function openAiAnswer(data: OpenAI.ChatCompletion, response: Response): AgentAnswer {
  const choice = data.choices[0];
  const calls = (choice?.message.tool_calls ?? []).flatMap((call) =>
    call.type === 'function' ? [parsed({ id: call.id, name: call.function.name, args: call.function.arguments })] : [],
  );
  const text = choice?.message.content ?? '';
  return { text, calls, finish: choice?.finish_reason ?? '', trajectory: trajectoryOf(response) };
}

function anthropicAnswer(data: Anthropic.Message, response: Response): AgentAnswer {
  return {
    text: data.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    calls: data.content.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, args: block.input }] : [],
    ),
    // The words of the other dialect, so that tests are the same for both.
    finish: data.stop_reason === 'tool_use' ? 'tool_calls' : data.stop_reason === 'end_turn' ? 'stop' : '?',
    trajectory: trajectoryOf(response),
  };
}

function openAiTool(tool: AgentTool) {
  if ('server' in tool) return { type: 'mcp', server_label: tool.server };
  return { type: 'function', function: { name: tool.name, parameters: { type: 'object' } } };
}

function anthropicTool(tool: AgentTool) {
  if ('server' in tool) return { type: 'mcp', server_label: tool.server };
  return { name: tool.name, input_schema: { type: 'object' } };
}

function openAiMessages(message: AgentMessage): object[] {
  if ('user' in message) return [{ role: 'user', content: message.user }];
  if ('results' in message) {
    return message.results.map(({ id, text }) => ({ role: 'tool', tool_call_id: id, content: text }));
  }
  const calls = message.calls.map(({ id, name, args }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) },
  }));
  return [{ role: 'assistant', content: message.said || null, ...(calls.length > 0 ? { tool_calls: calls } : {}) }];
}

function anthropicMessage(message: AgentMessage): object {
  if ('user' in message) return { role: 'user', content: message.user };
  if ('results' in message) {
    return {
      role: 'user',
      content: message.results.map(({ id, text }) => ({ type: 'tool_result', tool_use_id: id, content: text })),
    };
  }
  const text = message.said === '' ? [] : [{ type: 'text', text: message.said }];
  const calls = message.calls.map(({ id, name, args }) => ({ type: 'tool_use', id, name, input: args }));
  return { role: 'assistant', content: [...text, ...calls] };
}
