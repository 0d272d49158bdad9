import { describe, expect, it } from '@jest/globals';
import type { Dialect } from '../chat/message.ts';
import { usageReader } from './told-usage.ts';

const billed = { billed_units: { input_tokens: 5, output_tokens: 7 } };
const lines = (...bodies: object[]) => bodies.map((body) => `${JSON.stringify(body)}\n`).join('');
const event = (body: object) => `event: x\ndata: ${JSON.stringify(body)}\n\n`;
const done = { done: true, prompt_eval_count: 5, eval_count: 7 };

describe('what goes through as it is', () => {
  it.each<[Dialect, string, string, string]>([
    ['cohere', 'an answer', 'application/json', JSON.stringify({ message: { role: 'assistant' }, usage: billed })],
    ['cohere', 'vectors', 'application/json', JSON.stringify({ embeddings: {}, meta: billed })],
    ['cohere', 'a stream', 'text/event-stream', event({ type: 'message-end', delta: { usage: billed } })],
    ['ollama', 'an answer', 'application/json; charset=utf-8', JSON.stringify({ message: {}, ...done })],
    ['ollama', 'a stream', 'application/x-ndjson', lines({ message: { content: 'x' }, done: false }, done)],
  ])('[wires:usage] is counted as %s tells it in %s', (wire, _what, type, text) => {
    const reader = usageReader(wire, type);
    for (const byte of Buffer.from(text)) reader.push(Buffer.from([byte]));
    expect(reader.end()).toMatchObject({ input: 5, output: 7 });
  });

  it('[wires:usage] is not counted where nothing is told, or a line is too long to be looked at', () => {
    const reader = usageReader('ollama', 'application/x-ndjson');
    reader.push(Buffer.from(lines({ message: { content: 'x' }, done: false })));
    reader.push(Buffer.alloc(9 * 1024 * 1024, 'x'));
    reader.push(Buffer.from(`\n${lines(done)}`));
    expect(reader.end()).toBeUndefined();
  });
});
