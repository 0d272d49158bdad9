import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import { createEcho, namedHandles } from './echo.ts';
import type { ExtractionStore, Reader, Shown } from './extraction-store.ts';
import type { Fingerprints, ShowingRules } from './fingerprint.ts';
import { newHandleId } from './handle-record.ts';
import { type Candidate, candidates } from './ladder.ts';
import type { QuarantineMetrics } from './metrics.ts';
import { type Place, rootPlace } from './place.ts';
import type { Question } from './question.ts';
import { readableText } from './readable.ts';
import { type AskModel, FREE, ReadingFailed, type Usage } from './reading.ts';
import type { Answered, Readings } from './readings.ts';

/** A result, what is asked about it and how it is shown. */
export interface Reading extends ShowingRules {
  readonly reader: Reader;
  /** Exposed name of the tool that the content came from. */
  readonly tool: string;
  /** Undefined: nobody reads. */
  readonly question: Question | undefined;
  readonly content: string;
  /** Structured result as JSON; empty where there is none. */
  readonly structuredJson: string;
  readonly policyRevision: string;
}

/** What the privileged model is shown of a result. */
export interface Extracted extends Shown, Usage {
  readonly resultBitsLimit: number;
  /** Bits of all that the run was shown, this result counted. */
  readonly runBits: number;
  readonly runBitsLimit: number;
  /** True: no model was called. */
  readonly reused: boolean;
}

/** What extraction is made of. */
export interface ExtractOptions {
  readonly store: ExtractionStore;
  readonly fingerprints: Fingerprints;
  readonly readings: Readings;
  readonly limits: {
    readonly contentBytes: number;
    readonly structuredBytes: number;
    readonly bitsPerAnswer: number;
    readonly bitsPerTrajectory: number;
  };
  readonly ttlMs: number;
  readonly metrics: QuarantineMetrics;
  readonly log: Logger;
  readonly newId?: () => string;
}

/** Shows content as policy says. Rejects with `policy_denied` where nothing may be shown; content is never in it. */
export type Extract = (reading: Reading, ask: AskModel) => Promise<Extracted>;

/** Puts extraction together: what a run was shown it is shown again; else masked and read, down the ladder to a denial. */
export function createExtract(options: ExtractOptions): Extract {
  const { store, fingerprints, readings, limits, metrics, log } = options;

  /** The typed answer; undefined where there is none and the structured result has to do. */
  const answerOf = async (reading: Reading, ask: AskModel) => {
    const { question, tool, showing } = reading;
    if (question === undefined) return { answered: undefined, usage: FREE };
    try {
      const content = readableText(reading.content, reading.structuredJson, limits.contentBytes);
      const answered = await readings({ ...reading, question, content }, ask);
      return { answered, usage: answered.usage };
    } catch (error) {
      if (!(error instanceof ReadingFailed)) throw error;
      const { fault, told, usage } = error;
      metrics.readingFailed(fault);
      log.warn('content could not be read in quarantine', { tool, fault });
      if (!showing.structured) throw told;
      return { answered: undefined, usage };
    }
  };

  const candidatesOf = async (reading: Reading, answered: Answered | undefined): Promise<Iterable<Candidate>> => {
    const { reader, tool, question, showing, content, argumentsJson } = reading;
    const place = rootPlace(schemaOf(reading.outputSchemaJson), showing.fields);
    const result = structuredOf(reading, limits.structuredBytes);
    const named = showing.structured ? namedHandles(argumentsJson) : [];
    const echo = createEcho(argumentsJson, named.length === 0 ? [] : await store.resolve(reader, named));
    return candidates({
      ...(result === undefined ? { result: { text: content }, place: PLAIN_TEXT } : { result, place }),
      structured: showing.structured,
      pointed: result,
      ...(question === undefined || answered === undefined ? {} : { answer: { question, ...answered.extraction } }),
      mask: { from: tool, echo, newId: options.newId ?? newHandleId },
    });
  };

  const showNew = async (reading: Reading, fingerprint: string, ask: AskModel): Promise<Extracted> => {
    const { reader, tool, showing } = reading;
    const resultBitsLimit = showing.bits > 0 ? showing.bits : limits.bitsPerAnswer;
    const runBitsLimit = limits.bitsPerTrajectory;
    // What cannot be shown at all is not worth a model call.
    if (showing.structured) structuredOf(reading, limits.structuredBytes);
    const { answered, usage } = await answerOf(reading, ask);
    let least: number | undefined;
    for (const { shown } of await candidatesOf(reading, answered)) {
      least = shown.bits;
      if (shown.bits > resultBitsLimit) continue;
      const presentation = { tool, fingerprint, shown };
      const kept = await store.show(reader, presentation, runBitsLimit, Date.now() + options.ttlMs);
      if (kept.shown === undefined) continue;
      metrics.shown(kept.shown.rung);
      const reused = answered === undefined ? usage === FREE : answered.reused;
      return { ...kept.shown, ...usage, resultBitsLimit, runBits: kept.runBits, runBitsLimit, reused };
    }
    if (least === undefined) return denied('The structured result has too many values to be shown.', {});
    const details = { bits: Math.ceil(least), resultBitsLimit, runBitsLimit };
    return denied('The result would tell more than one result, or one run, may tell of untrusted content.', details);
  };

  return async (reading, ask) => {
    try {
      const marks = fingerprints.showing(reading, reading);
      const before = await store.presented(reading.reader, reading.tool, marks);
      if (before !== undefined) {
        metrics.extracted('shown_again');
        const resultBitsLimit = reading.showing.bits > 0 ? reading.showing.bits : limits.bitsPerAnswer;
        const runBitsLimit = limits.bitsPerTrajectory;
        return { ...before.shown, ...FREE, resultBitsLimit, runBits: before.runBits, runBitsLimit, reused: true };
      }
      const extracted = await showNew(reading, marks[0] as string, ask);
      metrics.extracted(extracted.reused ? 'reused' : 'read');
      return extracted;
    } catch (error) {
      metrics.extracted(asGatewayError(error).code === 'policy_denied' ? 'denied' : 'failed');
      throw error;
    }
  };
}

// The shape in which content is shown that is no structured result.
const PLAIN_TEXT: Place = rootPlace(
  { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  [],
);

function structuredOf({ structuredJson, content, showing }: Reading, most: number): JsonValue | undefined {
  const size = Buffer.byteLength(structuredJson === '' ? content : structuredJson);
  if (showing.structured && size > most) return denied('The result is too large to be shown.', { limit: most });
  if (structuredJson === '') return undefined;
  try {
    return parseStrict(structuredJson, { exactNumbers: true });
  } catch (error) {
    if (!showing.structured) return undefined;
    return denied('The structured result is no sound JSON.', { fault: (error as { code?: unknown }).code });
  }
}

function schemaOf(outputSchemaJson: string): JsonValue | undefined {
  if (outputSchemaJson === '') return undefined;
  try {
    return parseStrict(outputSchemaJson);
  } catch {
    throw new GatewayError('invalid_request', 'The output schema is no sound JSON.');
  }
}

function denied(why: string, details: Record<string, unknown>): never {
  throw new GatewayError('policy_denied', why, { details });
}
