import { setTimeout as pause } from 'node:timers/promises';

/** A block of content as the wire has it. */
export type Block = { readonly type: string } & Readonly<Record<string, unknown>>;

/** A result of a tool, whole. */
export interface FixtureResult {
  readonly content: Block[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
}

/** A request to the client that a tool wants answered before it goes on. */
export interface ClientRequest {
  readonly method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list';
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a tool answers when it cannot go on without its client. */
export interface Needed {
  readonly needs: Readonly<Record<string, ClientRequest>>;
  /** Sealed by the server, and given back as `state` with the answers. */
  readonly state?: string;
}

/** A call as a tool sees it, whichever line of MCP it came by. */
export interface FixtureCall {
  readonly args: Readonly<Record<string, unknown>>;
  /** What the client answered to `needs`, by their keys; undefined in the first round. */
  readonly answers: Readonly<Record<string, unknown>> | undefined;
  readonly state: string | undefined;
  /** Capabilities that the client declared. */
  readonly client: Readonly<Record<string, unknown>>;
  /** Says how far it is, where the caller wants to know. */
  progress(done: number, total: number): Promise<void>;
  /** Says something to the client's log, where it listens. */
  log(text: string): Promise<void>;
  /** Rejects the call for a capability that the client did not declare. */
  lacks(capability: string): never;
  /** Changes what the server lists. */
  toggle(list: 'tools' | 'prompts'): void;
}

/** A tool of the fixture. */
export interface FixtureTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  readonly run: (call: FixtureCall) => FixtureResult | Needed | Promise<FixtureResult | Needed>;
}

/** A red pixel. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
/** No sound at all. */
export const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

/** A result of one text. */
export const said = (text: string): FixtureResult => ({ content: [{ type: 'text', text }] });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const STEP_MS = 50;
const text = { type: 'string' };

const answering = (name: string, description: string, ...content: Block[]): FixtureTool => ({
  name,
  description,
  run: () => ({ content }),
});

/** Tools that answer at once, or say how far they are, by the names that the conformance suite calls. */
export const plainTools: readonly FixtureTool[] = [
  answering('test_simple_text', 'Answers one text.', {
    type: 'text',
    text: 'This is a simple text response for testing.',
  }),
  answering('test_image_content', 'Answers an image.', image),
  answering('test_audio_content', 'Answers a sound.', { type: 'audio', data: WAV, mimeType: 'audio/wav' }),
  answering('test_embedded_resource', 'Answers a resource.', {
    type: 'resource',
    resource: {
      uri: 'test://embedded-resource',
      mimeType: 'text/plain',
      text: 'This is an embedded resource content.',
    },
  }),
  answering(
    'test_multiple_content_types',
    'Answers a text, an image and a resource.',
    { type: 'text', text: 'Multiple content types test:' },
    image,
    {
      type: 'resource',
      resource: {
        uri: 'test://mixed-content-resource',
        mimeType: 'application/json',
        text: '{"test":"data","value":123}',
      },
    },
  ),
  {
    name: 'test_error_handling',
    description: 'Fails always.',
    run: () => ({ ...said('This tool intentionally returns an error for testing'), isError: true }),
  },
  {
    name: 'test_tool_with_logging',
    description: 'Says three lines while it works.',
    async run({ log }) {
      await log('Tool execution started');
      await pause(STEP_MS);
      await log('Tool processing data');
      await pause(STEP_MS);
      await log('Tool execution completed');
      return said('Three lines were said.');
    },
  },
  {
    name: 'test_tool_with_progress',
    description: 'Says how far it is.',
    async run({ progress }) {
      await progress(0, 100);
      await pause(STEP_MS);
      await progress(50, 100);
      await pause(STEP_MS);
      await progress(100, 100);
      return said('All of it is done.');
    },
  },
  {
    name: 'test_logging_tool',
    description: 'Says a line while it works.',
    async run({ log }) {
      await log('A line for who listens.');
      return said('A line was said.');
    },
  },
  {
    name: 'test_structured_content',
    description: 'Answers a structure beside the text.',
    inputSchema: { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'] },
    run: ({ args }) => ({
      content: [{ type: 'text', text: `{"count":${String(args.count)}}` }],
      structuredContent: { count: args.count },
    }),
  },
  {
    name: 'json_schema_2020_12_tool',
    description: 'Has a schema with much of JSON Schema 2020-12.',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: text, city: text } } },
      properties: {
        name: text,
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: text,
        email: text,
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    run: ({ args }) => said(JSON.stringify(args)),
  },
  {
    name: 'test_trigger_tool_change',
    description: 'Adds a tool, or takes it away.',
    run({ toggle }) {
      toggle('tools');
      return said('The tools are others now.');
    },
  },
  {
    name: 'test_trigger_prompt_change',
    description: 'Adds a prompt, or takes it away.',
    run({ toggle }) {
      toggle('prompts');
      return said('The prompts are others now.');
    },
  },
];

/** The tool that comes and goes. */
export const dynamicTool: FixtureTool = answering('test_dynamic_tool', 'Comes and goes.', {
  type: 'text',
  text: 'I am here now.',
});
