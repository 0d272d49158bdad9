import type { Extraction, ExtractionStore, Reader } from './extraction-store.ts';
import type { Fingerprints } from './fingerprint.ts';
import type { Question } from './question.ts';
import { type AskModel, FREE, type ReadContent, ReadingFailed, type Usage } from './reading.ts';

/** Content to be read, for whom, under which revision of the policy. */
export interface Asked {
  readonly reader: Reader;
  readonly tool: string;
  readonly question: Question;
  readonly content: string;
  readonly policyRevision: string;
}

/** A checked answer, new or from before. */
export interface Answered {
  readonly extraction: Extraction;
  readonly usage: Usage;
  /** True: no model was called. */
  readonly reused: boolean;
}

/** Answers from what was read before, else has it read. Rejects as ReadContent does. */
export type Readings = (asked: Asked, ask: AskModel) => Promise<Answered>;

/** Keeps readings for the same user, and has the same content read once where it is asked for twice at a time. */
export function createReadings(options: {
  readonly store: ExtractionStore;
  readonly fingerprints: Fingerprints;
  readonly read: ReadContent;
  readonly ttlMs: number;
}): Readings {
  const { store, fingerprints, read, ttlMs } = options;
  const underWay = new Map<string, Promise<Answered>>();

  const readNew = async ({ reader, tool, question, content }: Asked, fingerprint: string, ask: AskModel) => {
    const { items, model, usage } = await read(tool, question, content, ask);
    if (question.eachRun) return { extraction: { items, model }, usage, reused: false };
    const extraction = await store.keep(reader, fingerprint, { items, model }, Date.now() + ttlMs);
    return { extraction, usage, reused: false };
  };

  return async (asked, ask) => {
    const { reader } = asked;
    const marks = fingerprints.reading({ ...asked, structuredJson: '' }, asked.policyRevision);
    // Within a run the same content is not even asked for again: what was shown of it stands.
    const earlier = asked.question.eachRun ? undefined : await store.extracted(reader, marks);
    if (earlier !== undefined) return { extraction: earlier, usage: FREE, reused: true };
    const fingerprint = marks[0] as string;
    const run = asked.question.eachRun ? reader.trajectory : '';
    const key = JSON.stringify([reader.tenant, reader.principalId, reader.user, run, fingerprint]);
    // The one who asked first pays. Where that one fails for its own reasons (its caller is gone, its time is over), this
    // one tries for itself.
    const running = underWay.get(key);
    if (running !== undefined) {
      const other = await running.catch((error: unknown) => {
        if (error instanceof ReadingFailed && error.fault !== 'unavailable') throw error;
      });
      if (other !== undefined) return { ...other, usage: FREE, reused: true };
    }
    const begun = readNew(asked, fingerprint, ask);
    underWay.set(key, begun);
    try {
      return await begun;
    } finally {
      underWay.delete(key);
    }
  };
}
