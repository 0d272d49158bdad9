import type { ClientRequest, FixtureCall, FixtureTool, Needed } from './tools.ts';
import { said } from './tools.ts';

const text = { type: 'string' };
const form = (message: string, properties: Record<string, object>, required?: string[]): ClientRequest => ({
  method: 'elicitation/create',
  params: {
    message,
    requestedSchema: { type: 'object', properties, ...(required === undefined ? {} : { required }) },
  },
});
const sampled = (prompt: string, maxTokens: number): ClientRequest => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens },
});
const roots: ClientRequest = { method: 'roots/list', params: {} };

/** What a person filled in; undefined where it is not there or not a form that was accepted. */
function filled(call: FixtureCall, key: string): Record<string, unknown> | undefined {
  const answer = call.answers?.[key];
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { action, content } = answer as { action?: unknown; content?: unknown };
  if (action !== 'accept' || typeof content !== 'object' || content === null) return undefined;
  return content as Record<string, unknown>;
}

function answered(call: FixtureCall, key: string): Record<string, unknown> | undefined {
  const answer = call.answers?.[key];
  return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : undefined;
}

const textOf = (answer: Record<string, unknown>) => (answer.content as { text?: string } | undefined)?.text ?? '';
const completed = (answer: Record<string, unknown>) =>
  said(`Elicitation completed: action=${String(answer.action)}, content=${JSON.stringify(answer.content ?? {})}`);
const ok = form('Please confirm', { ok: { type: 'boolean' } }, ['ok']);
const named = form('What is your name?', { name: text }, ['name']);

const option = (...values: string[]) => values.map((value) => ({ const: value, title: `The ${value}` }));

/** Asks for one form and answers with what came back, as the older line's scenarios want it. */
const asksOnce = (name: string, description: string, request: ClientRequest): FixtureTool => ({
  name,
  description,
  run(call) {
    const answer = answered(call, 'asked');
    return answer === undefined ? { needs: { asked: request } } : completed(answer);
  },
});

/** Tools that ask their client, by the names that the conformance suite calls. */
export const askingTools: readonly FixtureTool[] = [
  {
    name: 'test_sampling',
    description: 'Has the client ask its model.',
    inputSchema: { type: 'object', properties: { prompt: text }, required: ['prompt'] },
    run(call) {
      const answer = answered(call, 'asked');
      return answer === undefined
        ? { needs: { asked: sampled(String(call.args.prompt), 100) } }
        : said(`LLM response: ${textOf(answer)}`);
    },
  },
  {
    name: 'test_elicitation',
    description: 'Has the client ask its user.',
    inputSchema: { type: 'object', properties: { message: text }, required: ['message'] },
    run(call) {
      const answer = answered(call, 'asked');
      if (answer !== undefined) return said(`User response: ${JSON.stringify(answer)}`);
      const fields = {
        username: { ...text, description: 'A name to be called by' },
        email: { ...text, description: 'Where mail goes' },
      };
      return { needs: { asked: form(String(call.args.message), fields, ['username', 'email']) } };
    },
  },
  asksOnce(
    'test_elicitation_sep1034_defaults',
    'Asks with a default for each kind of field.',
    form('Please look through these', {
      name: { ...text, default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { ...text, enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    }),
  ),
  asksOnce(
    'test_elicitation_sep1330_enums',
    'Asks with each way to list what can be chosen.',
    form('Please choose', {
      untitledSingle: { ...text, enum: ['option1', 'option2', 'option3'] },
      titledSingle: { ...text, oneOf: option('value1', 'value2', 'value3') },
      legacyEnum: { ...text, enum: ['opt1', 'opt2', 'opt3'], enumNames: ['The first', 'The second', 'The third'] },
      untitledMulti: { type: 'array', items: { ...text, enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: option('value1', 'value2', 'value3') } },
    }),
  ),
  {
    name: 'test_input_required_result_elicitation',
    description: 'Asks for a name.',
    run(call) {
      const name = filled(call, 'user_name')?.name;
      return typeof name === 'string' ? said(`Hello, ${name}!`) : { needs: { user_name: named } };
    },
  },
  {
    name: 'test_input_required_result_sampling',
    description: 'Asks the client’s model for a capital.',
    run(call) {
      const answer = answered(call, 'capital_question');
      if (answer !== undefined) return said(textOf(answer));
      return { needs: { capital_question: sampled('What is the capital of France?', 100) } };
    },
  },
  {
    name: 'test_input_required_result_list_roots',
    description: 'Asks for the client’s roots.',
    run(call) {
      const answer = answered(call, 'client_roots');
      return answer === undefined ? { needs: { client_roots: roots } } : said(JSON.stringify(answer.roots));
    },
  },
  confirms('test_input_required_result_request_state', 'Asks, and knows its question by the state.'),
  confirms('test_input_required_result_tampered_state', 'Asks, and trusts no state but its own.'),
  {
    name: 'test_input_required_result_multiple_inputs',
    description: 'Asks three things at once.',
    run(call) {
      const name = filled(call, 'user_name')?.name;
      const greeting = answered(call, 'greeting');
      const listed = answered(call, 'client_roots');
      if (call.state === 'three' && typeof name === 'string' && greeting !== undefined && listed !== undefined)
        return said(`${textOf(greeting)} ${name} ${JSON.stringify(listed.roots)}`);
      const needs = { user_name: named, greeting: sampled('Generate a greeting', 50), client_roots: roots };
      return { needs, state: 'three' };
    },
  },
  {
    name: 'test_input_required_result_multi_round',
    description: 'Asks twice, one thing after the other.',
    run: twoRounds,
  },
  {
    name: 'test_input_required_result_capabilities',
    description: 'Asks only what the client can answer.',
    run(call) {
      const needs = {
        ...(call.client.sampling === undefined ? {} : { greeting: sampled('Generate a greeting', 50) }),
        ...(call.client.elicitation === undefined ? {} : { user_name: named }),
      };
      if (call.answers !== undefined || Object.keys(needs).length === 0) return said('Nothing more is needed.');
      return { needs };
    },
  },
  {
    name: 'test_missing_capability',
    description: 'Works only with a client that samples.',
    run: ({ client, lacks }) => (client.sampling === undefined ? lacks('sampling') : said('You sample.')),
  },
  {
    name: 'test_streaming_elicitation',
    description: 'Says that it began, then asks.',
    async run(call) {
      const name = filled(call, 'user_name')?.name;
      if (typeof name === 'string') return said(`Hello, ${name}!`);
      await call.progress(1, 2);
      return { needs: { user_name: named } };
    },
  },
];

function confirms(name: string, description: string): FixtureTool {
  return {
    name,
    description,
    run: (call) =>
      call.state === 'asked' && filled(call, 'confirm')?.ok === true
        ? said('state-ok')
        : { needs: { confirm: ok }, state: 'asked' },
  };
}

function twoRounds(call: FixtureCall) {
  const first: Needed = { needs: { step1: form('Step 1: What is your name?', { name: text }, ['name']) }, state: '1' };
  if (call.state === undefined) return first;
  const [round, name = ''] = call.state.split(':');
  if (round === '1') {
    const given = filled(call, 'step1')?.name;
    if (typeof given !== 'string') return first;
    const colour = form('Step 2: What is your favorite color?', { color: text }, ['color']);
    return { needs: { step2: colour }, state: `2:${given}` };
  }
  const color = filled(call, 'step2')?.color;
  return typeof color === 'string' ? said(`${name} likes ${color}.`) : first;
}

/** The prompt that asks first: the context that it is to use. */
export const promptContext: ClientRequest = form('What context should the prompt use?', { context: text }, ['context']);
/** The context that was given for it. */
export const givenContext = (answers: FixtureCall['answers']): string | undefined => {
  const context = filled({ answers } as FixtureCall, 'user_context')?.context;
  return typeof context === 'string' ? context : undefined;
};
