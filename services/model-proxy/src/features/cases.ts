import type { AssistantMessage, Dialect, JsonObject, ToolMessage, UserMessage } from '../chat/message.ts';
import type { ChatRequest } from '../chat/request.ts';

/** A feature of requests: a request that uses it, and what must stand in a body that carries it. */
export interface RequestCase {
  readonly feature: string;
  readonly request: ChatRequest;
  /** Texts that must all stand in the body; left out: the body must differ from that of the same request without it. */
  readonly needles?: readonly string[];
  /** The same request without the feature. */
  readonly without: ChatRequest;
  /** It changes no answer: where a dialect has no word for it, it is left out. */
  readonly isHint?: true;
}

const user = (...content: UserMessage['content']): UserMessage => ({ role: 'user', content });
const text = (words: string) => ({ type: 'text' as const, text: words });

const plain: ChatRequest = {
  model: 'm',
  system: [],
  messages: [user(text('needle-question'))],
  tools: [],
  sampling: { maxTokens: 64 },
  stream: false,
};
const TOOL = {
  type: 'function' as const,
  name: 'needle_tool',
  description: 'Looks up.',
  parameters: {
    type: 'object',
    properties: { needle_arg: { type: 'string' } },
    required: ['needle_arg'],
  } as JsonObject,
};
const withTools: ChatRequest = { ...plain, tools: [TOOL] };
const called: AssistantMessage = {
  role: 'assistant',
  content: ['1', '2'].map((n) => ({
    type: 'toolCall',
    id: `call_${n}aaaaaaaa`,
    name: 'needle_tool',
    arguments: `{"needle_arg":"needle-value-${n}"}`,
  })),
};
const answered: ToolMessage = {
  role: 'tool',
  content: ['1', '2'].map((n) => ({
    type: 'toolResult',
    callId: `call_${n}aaaaaaaa`,
    content: [text(`needle-result-${n}`)],
  })),
};
const SCHEMA: JsonObject = {
  type: 'object',
  properties: { needle_field: { type: 'string' } },
  required: ['needle_field'],
  additionalProperties: false,
};

const on = (
  feature: string,
  change: Partial<ChatRequest>,
  needles?: readonly string[],
  without = plain,
): RequestCase => ({
  feature,
  request: { ...without, ...change },
  ...(needles === undefined ? {} : { needles }),
  without,
});
const saying = (...content: UserMessage['content']) => ({ messages: [user(text('Look.'), ...content)] });

/** Every feature of requests that is looked at, in the order of the table. */
export const requestCases: readonly RequestCase[] = [
  on('text', { messages: plain.messages }, ['needle-question'], { ...plain, messages: [user(text('x'))] }),
  on('system text', { system: [text('needle-system')] }, ['needle-system']),
  on(
    'several turns',
    {
      messages: [user(text('one')), { role: 'assistant', content: [text('needle-answer')] }, user(text('needle-next'))],
    },
    ['needle-answer', 'needle-next'],
  ),
  on('images', saying({ type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'bmVlZGxl' } }), [
    'bmVlZGxl',
  ]),
  on('images by URL', saying({ type: 'image', source: { kind: 'url', url: 'https://needle.example/i.png' } }), [
    'needle.example/i.png',
  ]),
  on(
    'files',
    saying({ type: 'file', name: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'bmVlZGxl' } }),
    ['bmVlZGxl'],
  ),
  on('tools', { tools: [TOOL] }, ['needle_tool', 'needle_arg']),
  on(
    'parallel calls and results',
    { messages: [user(text('Go.')), called, answered] },
    ['needle-value-1', 'needle-value-2', 'needle-result-1', 'needle-result-2'],
    withTools,
  ),
  on('tool choice', { toolChoice: { type: 'tool', name: 'needle_tool' } }, undefined, withTools),
  on('JSON schema', { responseFormat: { type: 'json_schema', name: 'out', schema: SCHEMA, strict: true } }, [
    'needle_field',
  ]),
  on('reasoning effort', { reasoning: { effort: 'high' } }),
  on(
    'reasoning kept',
    {
      messages: [
        user(text('one')),
        {
          role: 'assistant',
          content: [{ type: 'reasoning', text: 'needle-thought', signature: 'bmVlZGxlLXNpZ25hdHVyZQ==' }, text('two')],
        },
        user(text('three')),
      ],
    },
    ['bmVlZGxlLXNpZ25hdHVyZQ=='],
  ),
  {
    ...on('cache marks', { messages: [user({ ...text('needle-question'), cache: { type: 'ephemeral' } })] }),
    isHint: true,
  },
  on('stop', { stop: ['needle-stop'] }, ['needle-stop']),
  on('temperature', { sampling: { maxTokens: 64, temperature: 0.25 } }, ['0.25']),
  on('seed', { sampling: { maxTokens: 64, seed: 424_242 } }, ['424242']),
  on('logprobs', { sampling: { maxTokens: 64, logprobs: true, topLogprobs: 2 } }),
];

/** Answers with a source of what they say, of the dialects that have one, each as its provider writes it. */
export const cited: Readonly<Partial<Record<Dialect, JsonObject>>> = {
  'openai-chat': {
    id: 'c',
    model: 'm',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'So.',
          annotations: [
            {
              type: 'url_citation',
              url_citation: { url: 'https://needle.example', title: 't', start_index: 0, end_index: 3 },
            },
          ],
        },
        finish_reason: 'stop',
      },
    ],
  },
  'openai-responses': {
    id: 'r',
    model: 'm',
    status: 'completed',
    output: [
      {
        id: 'm',
        type: 'message',
        role: 'assistant',
        content: [
          {
            type: 'output_text',
            text: 'So.',
            annotations: [
              { type: 'url_citation', url: 'https://needle.example', title: 't', start_index: 0, end_index: 3 },
            ],
          },
        ],
      },
    ],
  },
  'anthropic-messages': {
    id: 'msg',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [
      {
        type: 'text',
        text: 'So.',
        citations: [
          {
            type: 'web_search_result_location',
            url: 'https://needle.example',
            title: 't',
            cited_text: 'So.',
            encrypted_index: 'e',
          },
        ],
      },
    ],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  gemini: {
    responseId: 'r',
    modelVersion: 'm',
    candidates: [
      {
        index: 0,
        content: { role: 'model', parts: [{ text: 'So.' }] },
        finishReason: 'STOP',
        groundingMetadata: { groundingChunks: [{ web: { uri: 'https://needle.example', title: 't' } }] },
      },
    ],
  },
  cohere: {
    id: 'c',
    finish_reason: 'COMPLETE',
    message: {
      role: 'assistant',
      content: [{ type: 'text', text: 'So.' }],
      citations: [
        {
          start: 0,
          end: 2,
          text: 'So',
          sources: [{ type: 'document', id: 'doc:0', document: { url: 'https://needle.example' } }],
          type: 'TEXT_CONTENT',
        },
      ],
    },
  },
};
