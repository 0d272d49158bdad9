import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { Record_Kind, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { turnService, withUnknownOutcomes } from './server.ts';

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

describe('turnService', () => {
  it('[audit:model-calls] looks few turns up at once, and none whose id is of a time to come', async () => {
    const asked: string[] = [];
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const store = {
      async modelCalls({ turn }: { turn: string }) {
        asked.push(turn);
        await held;
        return [];
      },
    };
    const now = Date.UTC(2026, 10, 22);
    const service = turnService(store, () => now);
    const idAt = (ms: number) => {
      const hex = ms.toString(16).padStart(12, '0');
      return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
    };
    const ask = (turn: string) =>
      service.listModelCalls({ tenant: 'default', turn, principalId: 'p' } as never, {} as never);
    expect(await ask(idAt(now + 120_000))).toEqual({ records: [] });
    const first = [1, 2, 3, 4].map((ago) => ask(idAt(now - ago)));
    await expect(ask(idAt(now))).rejects.toMatchObject({ code: 'unavailable' });
    answer();
    await Promise.all(first);
    await ask(idAt(now));
    expect(asked).toEqual([1, 2, 3, 4, 0].map((ago) => idAt(now - ago)));
  });
});
