import { describe, expect, it } from '@jest/globals';
import { type RecordView, type RunView, story } from './story.ts';

const record = (fields: Partial<RecordView>): RecordView => ({
  id: 'r',
  kind: 'model_call',
  turn: 't1',
  step: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 12.4,
  outcome: 'ok',
  label: { trusted: true, sources: [] },
  ...fields,
});
const run = (records: RecordView[]): RunView => ({
  id: 'run-1',
  principalId: 'key:k',
  user: 'robin@example.com',
  startedAt: '2026-01-01T00:00:00.000Z',
  lastAt: '2026-01-01T00:00:01.000Z',
  steps: records.length,
  modelCalls: 1,
  toolCalls: 1,
  refusals: 0,
  quarantines: 0,
  inputTokens: 10,
  outputTokens: 5,
  costUsd: '0.001',
  untrusted: true,
  records,
});

describe('story', () => {
  it('tells who, what a model call cost, and which tools it did not see and why', () => {
    const hidden = [{ tool: 'mailbox__send_mail', rule: 'p/r', reason: 'content from outside' }];
    const text = story(run([record({ model: 'm', provider: 'p', upstreamModel: 'u', costUsd: '0.001', hidden })]));
    expect(text).toContain('key:k, for robin@example.com');
    expect(text).toContain('model call   m → p/u  0 in, 0 out  $0.001  12 ms  ok');
    expect(text).toContain('hidden from the model: mailbox__send_mail (p/r: content from outside)');
  });

  it('tells an intent and its outcome as one step, with arguments, decision and label', () => {
    const text = story(
      run([
        record({
          id: 'i',
          kind: 'tool_intent',
          toolName: 'read',
          verdict: 'allow',
          enforced: 'allow',
          rule: 'p/a',
          reason: 'fine',
          decisionInputs: { arguments: { id: 'm1' } },
        }),
        record({
          kind: 'tool_outcome',
          toolName: 'read',
          toolClass: 'read',
          intentId: 'i',
          label: { trusted: false, sources: ['tool:mailbox/read'] },
        }),
      ]),
    );
    expect(text.match(/tool call/g)).toHaveLength(2); // once in the totals
    expect(text).toContain('arguments {"id":"m1"}');
    expect(text).toContain('allow by p/a: fine');
    expect(text).toContain('label untrusted, from tool:mailbox/read');
  });

  it('says so when an intent has no outcome, and when a verdict was only observed', () => {
    const text = story(
      run([
        record({
          id: 'i',
          kind: 'tool_intent',
          toolName: 'send',
          outcome: 'unknown',
          verdict: 'deny',
          enforced: 'allow',
        }),
      ]),
    );
    expect(text).toContain('no answer was recorded: unknown');
    expect(text).toContain('deny (observed only; allow was done)');
  });

  it('shows what the privileged model saw of a quarantined result', () => {
    const text = story(
      run([
        record({
          kind: 'quarantine',
          model: 'q',
          toolName: 'read',
          detail: { shown: { kind: 'work', sender: { $handle: 'h_0123456789', type: 'string' } } },
        }),
      ]),
    );
    expect(text).toContain('the model saw {"kind":"work","sender":"‹string h_012345…›"}');
  });

  it('lets no escape sequence through to the terminal', () => {
    expect(
      story(run([record({ kind: 'tool_refusal', reason: 'x', verdict: 'deny', rule: '\u001b[2J\u202e' })])),
    ).not.toMatch(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
      /[\u001b\u202e]/,
    );
  });
});
