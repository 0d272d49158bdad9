import { describe, expect, it } from '@jest/globals';
import type { RecordView, RunView } from './run-view.ts';
import { story } from './story.ts';

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
    expect(text).toContain('asked by key:k, for robin@example.com');
    expect(text).toContain('model call   m → p/u  0 tokens in, 0 out  $0.001  12 ms  ok');
    expect(text).toContain('hidden from the model: mailbox__send_mail, by p/r: content from outside');
  });

  it('tells what a cache saved, here and at the provider', () => {
    const detail = (by: string, nanoUsd: number) => ({ detail: { saved: { by, nanoUsd, tokens: 1_500 } } });
    const told = (fields: object) =>
      story(run([record({ model: 'm', provider: 'p', upstreamModel: 'u', costUsd: '0', ...fields })]));
    expect(told(detail('answer', 2_000_000))).toContain('$0  answered from the cache, saved $0.002  12 ms');
    expect(told(detail('prompt', 1_000))).toContain('$0  saved $0.000001  12 ms');
    expect(told(detail('prompt', -5))).not.toContain('saved');
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
    expect(text).toContain('call allowed by p/a: fine');
    expect(text).toContain('untrusted content in play, from mailbox/read');
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
          rule: 'p/d',
        }),
      ]),
    );
    expect(text).toContain('no answer was recorded: unknown');
    expect(text).toContain('call would be denied by p/d, which only observes: it was allowed');
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
    expect(text).toContain('the calling model saw {"kind":"work","sender":"‹string h_012345…›"}');
    expect(text).toContain('‹…› stands for a value that the model could pass on and not see.');
  });

  it('tells a reading as one step with the call of its model, and that the words stayed there', () => {
    const read = { kind: 'quarantine', step: 3, toolName: 'read', toolClass: 'read' };
    const label = { trusted: false, sources: ['tool:mailbox/read'] };
    const outcome = { kind: 'tool_outcome', step: 2, toolName: 'read', verdict: 'quarantine', enforced: 'quarantine' };
    const text = story({
      ...run([
        record({ ...outcome, rule: 'p/q', reason: 'From outside.', label }),
        record(read),
        record({ step: 3, model: 'reader', provider: 'p', upstreamModel: 'u', inputTokens: 7 }),
        record({ step: 4, model: 'm', provider: 'p', upstreamModel: 'u' }),
      ]),
      untrusted: false,
      quarantines: 1,
    });
    expect(text).toContain('1 result read in quarantine');
    expect(text).toContain('Untrusted content was read in quarantine only');
    expect(text).not.toContain('Nothing untrusted');
    expect(text).toContain('result put into quarantine by p/q: From outside.');
    expect(text).toContain('untrusted, from mailbox/read: kept from the calling model');
    expect(text).toMatch(/^ {4}3 {2}quarantine {3}the result of read .*\n {7}read by reader → p\/u {2}7 tokens in/m);
    expect(text.match(/^ {4}\d {2}model call/gm)).toEqual(['    4  model call']);
  });

  it('tells tools hidden for one reason in one line, and of a hidden tool that was called that it was hidden', () => {
    const hidden = ['send', 'delete'].map((tool) => ({ tool, rule: 'b/side', reason: 'content from outside' }));
    const refused = { kind: 'tool_refusal', toolName: 'send', verdict: 'hide', rule: 'b/unknown', reason: 'None.' };
    const text = story(run([record({ hidden }), record({ ...refused, step: 2 })]));
    expect(text).toContain('hidden from the model: send, delete, by b/side: content from outside');
    expect(text).toContain('call refused as if there were no such tool by b/unknown: None.');
    expect(text).toContain('it was hidden from the model, which called it all the same; hidden by b/side: content');
  });

  it('tells what a person said, and why a call ended', () => {
    const approved = { kind: 'approval', toolName: 'send', detail: { state: 'approved', by: 'user:bea' } };
    const text = story(run([record(approved), record({ outcome: 'error', errorCode: 'step_limit' })]));
    expect(text).toContain('approval     send  approved by bea');
    expect(text).toContain('error: step_limit');
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
