import { pointerTokens } from '@sallyport/turn/json-pointer';
import type { Extraction, ExtractionStore, Reader, Shown } from './extraction-store.ts';
import type { HandleRecord } from './handle-record.ts';
import type { AskedField, Question } from './question.ts';
import type { ResultField } from './result-field.ts';
import { holderOf } from './store.ts';

/** A field of a test question. */
export function asked(name: string, type: AskedField['type'], values: readonly string[] = []): AskedField {
  return { name, type, values, description: '', many: false };
}

/** A field of a test question that asks for a list of values. */
export function askedMany(name: string, type: AskedField['type'], values: readonly string[] = []): AskedField {
  return { ...asked(name, type, values), many: true };
}

/** A question for tests. */
export function questionOf(fields: readonly AskedField[], list = false, maxItems = 3): Question {
  const listed = list || fields.some((field) => field.many);
  return {
    models: ['reader'],
    instruction: 'What does it say?',
    eachRun: false,
    fields,
    list,
    maxItems: listed ? maxItems : 1,
  };
}

/** A reader for tests. */
export const READER: Reader = { tenant: 'acme', trajectory: 't1', principalId: 'key:k1', user: 'ann' };

/** Keeps extractions in memory, with the rules of the one in Postgres; nothing expires. */
export function memoryExtractionStore(): ExtractionStore {
  const extractions = new Map<string, Extraction>();
  const presentations = new Map<string, { shown: Shown; run: string }>();
  const handles = new Map<string, HandleRecord & { owner: string }>();
  const runOf = (reader: Reader) => JSON.stringify([reader.tenant, reader.trajectory]);
  const ownerOf = (reader: Reader) => JSON.stringify([reader.tenant, reader.trajectory, reader.principalId]);
  const extractionKey = (reader: Reader, mark: string) => JSON.stringify([reader.tenant, holderOf(reader), mark]);
  const presentationKey = (reader: Reader, tool: string, mark: string) => JSON.stringify([ownerOf(reader), tool, mark]);
  const runBits = (reader: Reader) =>
    [...presentations.values()]
      .filter(({ run }) => run === runOf(reader))
      .reduce((sum, one) => sum + one.shown.bits, 0);
  return {
    async presented(reader, tool, marks) {
      const found = marks.map((mark) => presentations.get(presentationKey(reader, tool, mark))).find((one) => one);
      return found === undefined ? undefined : { shown: found.shown, runBits: runBits(reader) };
    },
    async extracted(reader, marks) {
      return marks.map((mark) => extractions.get(extractionKey(reader, mark))).find((one) => one !== undefined);
    },
    async keep(reader, mark, extraction) {
      const key = extractionKey(reader, mark);
      const kept = extractions.get(key) ?? extraction;
      extractions.set(key, kept);
      return kept;
    },
    async show(reader, { tool, fingerprint, shown }, mostBits) {
      const key = presentationKey(reader, tool, fingerprint);
      const before = presentations.get(key);
      const used = runBits(reader);
      if (before !== undefined) return { shown: before.shown, runBits: used };
      if (used + shown.bits > mostBits) return { runBits: used };
      presentations.set(key, { shown, run: runOf(reader) });
      for (const one of shown.handles) handles.set(one.id, { ...one, owner: ownerOf(reader) });
      return { shown, runBits: used + shown.bits };
    },
    async resolve(reader, ids) {
      return ids.flatMap((id) => {
        const found = handles.get(id);
        return found === undefined || found.owner !== ownerOf(reader) ? [] : [found];
      });
    },
    async sweep() {
      return 0;
    },
  };
}

/** Ids of handles in order, for answers that are compared. */
export function countedIds(): () => string {
  let count = 0;
  return () => `h_${String(count++).padStart(21, '0')}A`;
}

/** A word of the administrator on a field. */
export function resultField(
  path: string,
  type: ResultField['type'],
  trusted = false,
  values: readonly string[] = [],
): ResultField {
  return { tokens: pointerTokens(path), type, values, trusted, maxLength: 64, lines: false };
}
