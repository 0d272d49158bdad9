import { describe, expect, it } from '@jest/globals';
import { modelOf, providerOf, turnOf } from '../turn/testing.ts';
import { attributionOf } from '../upstream/attribution.ts';
import { upstreamBody } from '../upstream/upstream-body.ts';
import { type AttributedFacts, attribute } from './attribution.ts';
import { findProvider } from './index.ts';

const facts: AttributedFacts = {
  user: 'ann',
  customer: 'Müller, GmbH',
  teams: ['red', 'blue'],
  key: 'k1',
  tags: ['a'],
};
const told = (type: string, some = facts) => {
  const fields = findProvider(type)?.attribution;
  if (!fields) throw new TypeError(`${type} has no attribution`);
  return attribute(fields, some);
};

describe('who asks, in the fields of the gateway that is asked', () => {
  it('[providers:attribution] LiteLLM', () => {
    expect(told('litellm')).toEqual({
      headers: {
        'x-litellm-customer-id': 'M%C3%BCller%2C%20GmbH',
        'x-litellm-tags': 'a',
        'x-litellm-spend-logs-metadata': '{"user":"ann","team":"red,blue","key":"k1"}',
      },
      fields: {},
    });
  });

  it('[providers:attribution] OpenRouter', () => {
    expect(told('openrouter')).toEqual({
      headers: {},
      fields: { user: 'ann', trace: { customer: 'Müller, GmbH', team: 'red,blue', key: 'k1', tags: 'a' } },
    });
  });

  it('[providers:attribution] Portkey', () => {
    expect(told('portkey').headers).toEqual({
      'x-portkey-metadata': '{"_user":"ann","customer":"M\\u00fcller, GmbH","team":"red,blue","key":"k1","tags":"a"}',
    });
  });

  it('[providers:attribution] APISIX, and another Sallyport with what it has no field for among the tags', () => {
    expect(told('apisix').headers).toMatchObject({ 'x-team': 'red,blue', 'x-key': 'k1' });
    expect(told('sallyport').headers).toEqual({
      'sallyport-user': 'ann',
      'sallyport-customer': 'M%C3%BCller%2C%20GmbH',
      'sallyport-tags': 'a,team:red,team:blue,key:k1',
    });
  });

  it('[providers:attribution] says nothing of what is not known, and breaks no header', () => {
    for (const type of ['litellm', 'openrouter', 'portkey', 'apisix', 'sallyport']) {
      expect(told(type, { user: '', tags: [] })).toEqual({ headers: {}, fields: {} });
      const odd = told(type, { ...facts, user: 'a\r\nx: 1\u{1f600}\ud800', tags: ['\n'] });
      for (const value of Object.values(odd.headers)) expect(value).toMatch(/^[\x20-\x7e]+$/);
    }
  });

  it('[providers:attribution] is told only what the ModelProvider says, and never the run', () => {
    const quiet = providerOf('litellm');
    const open = { ...quiet, spec: { ...quiet.spec, attribution: ['Customer' as const, 'Key' as const] } };
    const turn = turnOf({ principal: { customer: 'acme', keyId: 'k1' }, headers: { 'sallyport-trajectory': 'x' } });
    expect(attributionOf(turn, quiet)).toBeUndefined();
    expect(attributionOf(turn, open)?.headers).toEqual({
      'x-litellm-customer-id': 'acme',
      'x-litellm-spend-logs-metadata': '{"key":"k1"}',
    });
    expect(JSON.stringify(attributionOf(turn, open))).not.toContain(turn.trajectory);
  });

  it.each(['openai-chat', 'anthropic-messages'] as const)(
    "[providers:attribution] stands above a client's own word in the body, asked in %s",
    (dialect) => {
      const provider = providerOf('openrouter');
      const open = { ...provider, spec: { ...provider.spec, attribution: ['User' as const] } };
      const model = modelOf([open]);
      const turn = turnOf({ dialect, model, body: dialect === 'openai-chat' ? { user: 'mallory' } : {} });
      const [target] = model.targets;
      if (!target) throw new Error('no target');
      expect(JSON.parse(upstreamBody(turn, target, []).toString())).toMatchObject({ user: 'ann' });
    },
  );
});
