import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import { openrouter } from '../../providers/openrouter.ts';
import { anthropicMessages } from '../anthropic-messages/codec.ts';
import { gemini } from '../gemini/codec.ts';
import { openaiResponses } from '../openai-responses/codec.ts';
import { openaiChat } from './codec.ts';
import type { OpenAiChatQuirks } from './request.ts';

const asked: JsonObject = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
const forwarded = (fields: JsonObject, quirks: OpenAiChatQuirks): string => {
  const body = { ...asked, ...fields };
  return openaiChat.forwardBytes(Buffer.from(JSON.stringify(body)), body, { model: 'm' }, quirks).toString();
};
const fieldsOf = (text: string): JsonObject => {
  const { model: _model, messages: _messages, ...rest } = JSON.parse(text) as JsonObject;
  return rest;
};
const lost = (fields: JsonObject, quirks: OpenAiChatQuirks) =>
  openaiChat.unsupportedOf?.({ ...asked, ...fields }, quirks).map(({ field }) => field);

describe('[model:openrouter-reasoning] OpenRouter’s reasoning of a chat client', () => {
  it.each<[JsonObject, JsonObject | undefined]>([
    [{ reasoning: { effort: 'high' } }, { effort: 'high' }],
    [{ reasoning: { max_tokens: 2000 } }, { budgetTokens: 2000 }],
    [{ reasoning: { enabled: true, exclude: false } }, { mode: 'enabled' }],
    [{ reasoning: { enabled: false } }, { mode: 'disabled' }],
    [{ reasoning: { effort: 'none' } }, { mode: 'disabled' }],
    [{ reasoning: { effort: 'low' }, reasoning_effort: 'low' }, { effort: 'low' }],
    [
      { reasoning: { max_tokens: 900 }, reasoning_effort: 'low' },
      { effort: 'low', budgetTokens: 900 },
    ],
    [{ reasoning: { enabled: null, effort: null } }, undefined],
    [{ reasoning: null }, undefined],
  ])('%j is the wish %j', (fields, wish) => {
    const request = openaiChat.decodeRequest({ ...asked, ...fields });
    expect(request.reasoning).toEqual(wish);
    expect(request.extra).toBeUndefined();
  });

  it.each<JsonObject>([
    { reasoning: { effort: 'high' }, reasoning_effort: 'low' },
    { reasoning: { enabled: false }, reasoning_effort: 'low' },
    { reasoning: { enabled: true }, reasoning_effort: 'none' },
    { reasoning: { max_tokens: 900 }, reasoning_effort: 'none' },
  ])('%j contradicts itself and is refused, whatever the target', (fields) => {
    const refused = expect.objectContaining({ path: 'reasoning' });
    expect(() => openaiChat.inspect({ ...asked, ...fields })).toThrow(refused);
    expect(() => openaiChat.decodeRequest({ ...asked, ...fields })).toThrow(refused);
  });

  it('is said to every other dialect in its own words', () => {
    const request = openaiChat.decodeRequest({ ...asked, reasoning: { max_tokens: 5000 } });
    const claude = anthropicMessages.encodeRequest(request);
    expect(claude.body).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 5000 }, max_tokens: 9096 });
    const google = gemini.encodeRequest(request);
    expect(google.body).toMatchObject({ generationConfig: { thinkingConfig: { thinkingBudget: 5000 } } });
    const responses = openaiResponses.encodeRequest(request);
    expect(responses.body).toMatchObject({ reasoning: { effort: 'medium' } });
    for (const { unsupported } of [claude, google, responses]) expect(unsupported).toEqual([]);
  });

  it('goes to OpenRouter in the client’s bytes', () => {
    const fields = { reasoning: { effort: 'high', exclude: true } };
    const quirks = openrouter.quirks;
    expect(forwarded(fields, quirks)).toBe(JSON.stringify({ ...asked, ...fields }));
    expect(lost(fields, quirks)).toEqual([]);
  });

  it.each<[JsonObject, OpenAiChatQuirks, JsonObject]>([
    [{ reasoning: { effort: 'high' } }, {}, { reasoning_effort: 'high' }],
    [{ reasoning: { max_tokens: 20_000 } }, {}, { reasoning_effort: 'high' }],
    [{ reasoning: { enabled: true } }, {}, {}],
    [{ reasoning: null }, {}, {}],
    [{ reasoning: { effort: 'high' } }, { differs: { lacks: ['n'] } }, { reasoning_effort: 'high' }],
    [{ reasoning: { enabled: false } }, { differs: { reasoning: 'thinking' } }, { thinking: { type: 'disabled' } }],
    [
      { reasoning: { max_tokens: 900 } },
      { differs: { reasoning: 'enable_thinking' } },
      { enable_thinking: true, thinking_budget: 900 },
    ],
    [
      { reasoning: { effort: 'low' }, thinking: { type: 'disabled' } },
      { differs: { reasoning: 'thinking' } },
      { reasoning_effort: 'low', thinking: { type: 'disabled' } },
    ],
  ])('%j goes to one that has %j as %j', (fields, quirks, said) => {
    expect(fieldsOf(forwarded(fields, quirks))).toEqual(said);
    expect(lost(fields, quirks)).toEqual([]);
  });

  it('is refused for the member alone that the target has no word for', () => {
    const fields = { reasoning: { effort: 'high', exclude: true } };
    expect(lost(fields, {})).toEqual(['reasoning.exclude']);
    expect(lost(fields, { differs: { reasoning: 'thinking' } })).toEqual(['reasoning.exclude']);
    const { unsupported } = anthropicMessages.encodeRequest(openaiChat.decodeRequest({ ...asked, ...fields }));
    expect(unsupported.map(({ field }) => field)).toEqual(['reasoning.exclude']);
  });

  it('gives way to an effort that the Model lays over it', () => {
    const changes = { fields: { reasoning_effort: 'low' } };
    const laid = (reasoning: JsonObject) => openaiChat.forwardRequest({ ...asked, reasoning }, changes);
    expect(laid({ effort: 'high' })).toEqual({ ...asked, reasoning_effort: 'low' });
    const kept = laid({ max_tokens: 9000, exclude: true });
    expect(kept).toEqual({ ...asked, reasoning_effort: 'low', reasoning: { exclude: true } });
    expect(openaiChat.decodeRequest(kept).reasoning).toEqual({ effort: 'low' });
    expect(fieldsOf(forwarded(kept, openrouter.quirks))).toEqual({ reasoning: { effort: 'low', exclude: true } });
  });
});
