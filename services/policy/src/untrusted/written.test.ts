import { describe, expect, it } from '@jest/globals';
import { label, untrusted } from '@sallyport/turn/label';
import type { Digests } from '../approvals/digests.ts';
import type { ResultDecision } from '../evaluate-result.ts';
import type { KnownTool } from '../rules/tool.ts';
import { principalOfTest } from '../testing.ts';
import type { UntrustedStore } from './store.ts';
import { createWritten } from './written.ts';

const TOOL = {
  toolClass: 'read',
  serverUid: 'uid',
  objects: [{ kind: 'file', result: '/files/*/id' }],
} as unknown as KnownTool;
const FIELDS = [
  { path: '/files/*/id', type: 'String', trusted: true, writer: 'the server', lines: false },
  { path: '/files/*/owner', type: 'String', trusted: true, writer: 'the server', lines: false },
  { path: '/files/*/size', type: 'Integer', trusted: true, writer: 'the server', lines: false },
] as const;

describe('what untrusted content was written into', () => {
  it('[policy:untrusted-objects] is trusted no more, but for the id by which its server names it', async () => {
    const digests: Digests = () => ['d'];
    const store = { labels: async () => new Map([['d', untrusted('tool:mail/list')]]) } as unknown as UntrustedStore;
    const decided = {
      decision: {},
      label: label('trusted', []),
      tool: TOOL,
      quarantine: { spec: {}, fields: FIELDS },
    } as unknown as ResultDecision;
    const request = {
      principal: principalOfTest(),
      trajectory: 't',
      argumentsJson: '{}',
      resultJson: '{"files":[{"id":"1"}]}',
      isError: false,
      sizeBytes: 1,
    };
    const { quarantine, label: after } = await createWritten(store, digests).distrust(request, decided);
    expect(after.integrity).toBe('untrusted');
    expect(quarantine?.fields.map(({ path, trusted }) => [path, trusted])).toEqual([
      ['/files/*/id', true],
      ['/files/*/size', false],
    ]);
  });
});
