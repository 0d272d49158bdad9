import type { Extraction, ExtractionStore, Reader, Shown } from './extraction-store.ts';
import type { HandleRecord } from './present.ts';
import type { AskedField, Question } from './question.ts';
import { holderOf } from './store.ts';

/** A field of a test question. */
export function asked(name: string, type: AskedField['type'], values: readonly string[] = []): AskedField {
  return { name, type, values, description: '' };
}

/** A question for tests. */
export function questionOf(fields: readonly AskedField[], list = false, maxItems = 3): Question {
  return { model: 'reader', instruction: 'What does it say?', fields, list, maxItems: list ? maxItems : 1 };
}

/** A reader for tests. */
export const READER: Reader = { tenant: 'acme', trajectory: 't1', principalId: 'key:k1', user: 'ann' };

/** Keeps extractions in memory, with the rules of the one in Postgres; nothing expires. */
export function memoryExtractionStore(): ExtractionStore {
  const extractions = new Map<string, Extraction>();
  const presentations = new Map<string, Shown & { bits: number; run: string }>();
  const handles = new Map<string, HandleRecord & { owner: string }>();
  const runOf = (reader: Reader) => JSON.stringify([reader.tenant, reader.trajectory]);
  const ownerOf = (reader: Reader) => JSON.stringify([reader.tenant, reader.trajectory, reader.principalId]);
  const extractionKey = (reader: Reader, mark: string) => JSON.stringify([reader.tenant, holderOf(reader), mark]);
  const presentationKey = (reader: Reader, tool: string, mark: string) => JSON.stringify([ownerOf(reader), tool, mark]);
  return {
    async presented(reader, tool, marks) {
      return marks
        .map((mark) => presentations.get(presentationKey(reader, tool, mark)))
        .find((one) => one !== undefined);
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
    async show(reader, shown, mostBits) {
      const key = presentationKey(reader, shown.tool, shown.fingerprint);
      const before = presentations.get(key);
      if (before !== undefined) return before;
      const run = runOf(reader);
      const used = [...presentations.values()].filter((one) => one.run === run).reduce((sum, one) => sum + one.bits, 0);
      if (used + shown.bits > mostBits) return undefined;
      presentations.set(key, { ...shown, run });
      for (const one of shown.handles) handles.set(one.id, { ...one, owner: ownerOf(reader) });
      return shown;
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
