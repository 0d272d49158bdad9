import { describe, expect, it } from '@jest/globals';
import { inertBlock } from './cite.ts';

const settings = { known: (host: string) => host === 'good.example', doubtful: () => true };
const opaque = (kind: string, value: object) =>
  ({ type: 'opaque', dialect: 'gemini', kind, value: value as Record<string, unknown> }) as const;

describe('a block that tells where something was found', () => {
  it('[providers:sources] has links as inert as those of the text', () => {
    const chunks = ['https://evil.example/x', 'https://good.example/y'].map((uri) => ({ web: { uri, title: 'A' } }));
    const shown = inertBlock(opaque('groundingMetadata', { groundingChunks: chunks, support: [1, null] }), settings);
    expect(shown.value).toEqual({
      groundingChunks: [
        { web: { uri: '`https://evil.example/x`', title: 'A' } },
        { web: { uri: 'https://good.example/y', title: 'A' } },
      ],
      support: [1, null],
    });
  });

  it('[providers:sources] is told from one that only its provider can read', () => {
    const call = opaque('web_search_tool_result', { url: 'https://evil.example', encrypted_content: 'x' });
    expect(inertBlock(call, settings)).toBe(call);
  });
});
