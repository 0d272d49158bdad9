import { describe, expect, it } from '@jest/globals';
import { type Record as AuditRecord, CommitRequestSchema, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { codecOf } from './codec/codec.ts';
import { EncodedList } from './encoded.ts';

const list = (...ids: string[]) => {
  const made = new EncodedList(RecordSchema, CommitRequestSchema.field.records.number);
  for (const id of ids) made.add({ id });
  return made;
};
const idOf = (message: object) => (message as AuditRecord).id;

describe('messages encoded one behind the other', () => {
  it('are the request of which they are a repeated field', () => {
    const ids = ['a', 'b'.repeat(200), '', 'c'.repeat(70_000)];
    const wanted = codecOf(CommitRequestSchema).encode({
      records: ids.map((id) => codecOf(RecordSchema).encode({ id })),
    });
    expect(
      list(...ids)
        .bytes()
        .equals(wanted),
    ).toBe(true);
  });

  it('can be read one by one, and are counted', () => {
    const made = list('a', 'b');
    expect([made.length, made.byteLength]).toEqual([2, made.bytes().length]);
    expect(made.decoded().map(idOf)).toEqual(['a', 'b']);
    expect(made.each().map((bytes) => idOf(codecOf(RecordSchema).decode(bytes)))).toEqual(['a', 'b']);
  });

  it('are gone once it begins anew, also after it grew', () => {
    const made = list('x'.repeat(2_000_000), 'y');
    made.clear();
    expect([made.length, made.byteLength, made.bytes().length, made.each()]).toEqual([0, 0, 0, []]);
    made.add({ id: 'z' });
    expect(made.decoded().map(idOf)).toEqual(['z']);
  });

  it('are left as they were by one that cannot be encoded', () => {
    const made = list('a');
    expect(() => made.add({ step: 2 ** 40 })).toThrow();
    made.add({ id: 'b' });
    expect(made.decoded().map(idOf)).toEqual(['a', 'b']);
  });
});
