import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { Record_Kind, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { withUnknownOutcomes } from './server.ts';

const intent = (id: string, startedAtMs: number) =>
  create(RecordSchema, { id, kind: Record_Kind.TOOL_INTENT, startedAtMs, outcome: 'ok' });
const outcome = (intentId: string) =>
  create(RecordSchema, { id: `o-${intentId}`, kind: Record_Kind.TOOL_OUTCOME, intentId, outcome: 'ok' });

describe('withUnknownOutcomes', () => {
  it('says unknown of an old intent whose outcome never came, and of no other [audit:unknown-outcome]', () => {
    const records = [intent('answered', 10), outcome('answered'), intent('lost', 10), intent('young', 100)];
    const shown = withUnknownOutcomes(records, 50).map((record) => [record.id, record.outcome]);
    expect(shown).toEqual([
      ['answered', 'ok'],
      ['o-answered', 'ok'],
      ['lost', 'unknown'],
      ['young', 'ok'],
    ]);
  });
});
