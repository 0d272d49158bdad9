import { describe, expect, it } from '@jest/globals';
import { covers, isKnownScope, meaningOf, scopesAt } from './vocabulary.ts';

const bases = ['https://gate.example', 'https://acme.example'];

describe('resources and scopes', () => {
  it.each<[string, string, string[], string[] | undefined]>([
    ['the tool plane', 'https://gate.example/mcp', ['tool:mail/*', 'models'], ['mcp', 'tool:mail/*']],
    ['agents', 'https://gate.example/a2a', ['tool:helper/*', 'a2a'], ['mcp', 'tool:helper/*']],
    ['the model plane', 'https://acme.example/v1', ['model:gpt-*', 'mcp'], ['models', 'model:gpt-*']],
    ['administration', 'https://gate.example/admin/v1', ['tool:mail/*'], ['admin']],
    ['another host', 'https://evil.example/mcp', ['mcp'], undefined],
    ['a host that begins like ours', 'https://gate.example.evil/mcp', ['mcp'], undefined],
    ['a slash at the end', 'https://gate.example/mcp/', ['mcp'], undefined],
    ['other case', 'https://gate.example/MCP', ['mcp'], undefined],
    ['more after it', 'https://gate.example/mcp?x', ['mcp'], undefined],
  ])('[oauth:resource] knows %s', (_name, resource, wanted, scopes) => {
    expect(scopesAt(resource, wanted, bases)).toEqual(scopes);
  });

  it.each([
    [['mcp'], 'tool:mail/send', true],
    [['tool:mail/*'], 'mcp', false],
    [['tool:mail/*'], 'tool:mail/send', true],
    [['tool:mail/*'], 'tool:mailbox/send', false],
    [['tool:*/send'], 'tool:mail/read', false],
    [['models'], 'model:gpt', true],
    [['models'], 'tool:mail/send', false],
  ])('[oauth:exchange-scope] of %j covers %s: %s', (held, wanted, answer) => {
    expect(covers(held, wanted)).toBe(answer);
  });

  it('[oauth:scopes] knows no scope of another form, and has words for its own', () => {
    for (const scope of ['openid', 'tool:mail', 'tool:a/b/c', 'model:', 'mcp:x'])
      expect(isKnownScope(scope)).toBe(false);
    expect(meaningOf('tool:mail/send')).toContain('the tool send of mail');
  });
});
