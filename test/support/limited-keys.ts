import { expect } from '@jest/globals';
import type { HttpAnswer, HttpClient } from './http-client.ts';
import type { ResourceInit } from './suite.ts';

/** Windows stand at multiples of their length since 1970: of one as long, no test sees the end. */
export const LONG = '720h';
/** How many calls come at once. */
export const AT_ONCE = 40;
/** How many of them a limit lets through. */
export const MOST = 10;

/** How a run of an agent ended. */
export interface Loop {
  /** Tool calls that the agent was given to run. */
  readonly rounds: number;
  readonly refusal: HttpAnswer;
  readonly trajectory: string;
}

const LOOPS = 30;
const PARAMETERS = { type: 'object', properties: { page: { type: 'integer' } } };

/** An agent as frameworks make it: it runs the tools that it is given and sends the whole history again. */
export async function openAiLoop(client: HttpClient, model: string): Promise<Loop> {
  const messages: object[] = [{ role: 'user', content: 'Go on until you are done.' }];
  const tools = [{ type: 'function', function: { name: 'list_things', parameters: PARAMETERS } }];
  let trajectory = '';
  for (let rounds = 0; rounds < LOOPS; rounds++) {
    const answer = await client.chat(model, { messages, tools });
    if (answer.status !== 200) return { rounds, refusal: answer, trajectory };
    trajectory ||= answer.trajectory;
    expect(answer.trajectory).toBe(trajectory);
    const { message } = answer.json<{ choices: [{ message: { tool_calls: { id: string }[] } }] }>().choices[0];
    expect(message.tool_calls).toHaveLength(1);
    messages.push(message);
    for (const { id } of message.tool_calls) messages.push({ role: 'tool', tool_call_id: id, content: '["a","b"]' });
  }
  throw new Error('nothing stopped the loop');
}

/** The same in Anthropic's dialect, on a model that speaks it. */
export async function anthropicLoop(client: HttpClient, model: string): Promise<Loop> {
  const messages: object[] = [{ role: 'user', content: 'Go on until you are done.' }];
  const tools = [{ name: 'list_things', input_schema: PARAMETERS }];
  let trajectory = '';
  for (let rounds = 0; rounds < LOOPS; rounds++) {
    const answer = await client.messages(`${model}-a`, { messages, tools });
    if (answer.status !== 200) return { rounds, refusal: answer, trajectory };
    trajectory ||= answer.trajectory;
    expect(answer.trajectory).toBe(trajectory);
    const { content } = answer.json<{ content: { type: string; id: string }[] }>();
    const uses = content.filter(({ type }) => type === 'tool_use');
    expect(uses).toHaveLength(1);
    messages.push({ role: 'assistant', content });
    messages.push({
      role: 'user',
      content: uses.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: '["a","b"]' })),
    });
  }
  throw new Error('nothing stopped the loop');
}

/** Spec of a key whose secret the suite tells. */
export function key(name: string): object {
  return { owner: name, targetSecret: { name, key: 'key' } };
}

/** A Limit of the key of this name. */
export function limit(name: string, bounds: object): ResourceInit {
  return { kind: 'Limit', name, spec: { match: { keys: [name] }, ...bounds } };
}

/** A key and a Limit of its own, both of this name. */
export function limited(name: string, bounds: object): ResourceInit[] {
  return [{ kind: 'VirtualKey', name, spec: key(name) }, limit(name, bounds)];
}
