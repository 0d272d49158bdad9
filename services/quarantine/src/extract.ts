import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { type AnswerFault, readAnswer } from './answer.ts';
import { detect } from './detect.ts';
import type { Extraction, ExtractionStore, Reader, Shown } from './extraction-store.ts';
import type { Fingerprints } from './fingerprint.ts';
import type { QuarantineMetrics } from './metrics.ts';
import { indexPointers } from './pointers.ts';
import { present } from './present.ts';
import { answerSchema, bitsOf, type Question, systemText } from './question.ts';

/** One call of the reading model: no tools, answer by schema. */
export type AskModel = (ask: {
  readonly model: string;
  readonly system: string;
  readonly content: string;
  readonly schemaJson: string;
  readonly maxOutputTokens: number;
}) => Promise<ModelAnswer>;

/** What the reading model answered and what that cost. */
export interface ModelAnswer {
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: number;
}

/** Content to be read, for whom. */
export interface Reading {
  readonly reader: Reader;
  /** Exposed name of the tool that the content came from. */
  readonly tool: string;
  readonly question: Question;
  readonly content: string;
  /** Structured result as JSON; empty where there is none. */
  readonly structuredJson: string;
}

/** A typed answer, as the privileged model sees it. */
export interface Extracted extends Shown {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: number;
  /** True: no model was called. */
  readonly reused: boolean;
}

/** What extraction is made of. */
export interface ExtractOptions {
  readonly store: ExtractionStore;
  readonly fingerprints: Fingerprints;
  readonly limits: {
    readonly contentBytes: number;
    readonly stringLength: number;
    readonly outputTokens: number;
    readonly bitsPerAnswer: number;
    readonly bitsPerTrajectory: number;
  };
  readonly ttlMs: number;
  readonly metrics: QuarantineMetrics;
  readonly log: Logger;
}

/** Reads content in quarantine. Rejects with `policy_denied` where no answer may be shown; content is never in it. */
export type Extract = (reading: Reading, ask: AskModel) => Promise<Extracted>;

interface Usage {
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

const ATTEMPTS = 2;
const FREE: Usage = { inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };

/** Puts extraction together: what was read before is not read again, and what does not fit is denied. */
export function createExtract(options: ExtractOptions): Extract {
  const { store, fingerprints, limits, metrics, log } = options;
  const underWay = new Map<string, Promise<{ extraction: Extraction; usage: Usage }>>();

  const askFor = async (reading: Reading, content: string, ask: AskModel) => {
    const { question } = reading;
    const usage = { ...FREE };
    let fault: AnswerFault = 'not_json';
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const answer = await ask({
        model: question.model,
        system: systemText(question),
        content,
        schemaJson: JSON.stringify(answerSchema(question, limits.stringLength)),
        maxOutputTokens: limits.outputTokens,
      });
      usage.inputTokens += answer.inputTokens;
      usage.outputTokens += answer.outputTokens;
      usage.costNanoUsd += answer.costNanoUsd;
      const read = readAnswer(answer.text, question, limits.stringLength);
      if ('items' in read) return { items: read.items, usage };
      fault = read.fault;
      metrics.misfit(fault);
    }
    return denied('The answer of the reading model does not fit the question.', { fault });
  };

  const extractNew = async (reading: Reading, fingerprint: string, ask: AskModel) => {
    const found = detect(reading.content);
    if (found.tagCharacters > 0 || found.secrets > 0) {
      const { tagCharacters, secrets } = found;
      log.warn('content was cleaned before it was read', { tool: reading.tool, tagCharacters, secrets });
      metrics.cleaned(tagCharacters, secrets);
    }
    const { items, usage } = await askFor(reading, found.content, ask);
    const bits = bitsOf(reading.question) * items.length;
    if (bits > limits.bitsPerAnswer) return denied('The answer says more than one answer may.', { bits });
    const made = { items, model: reading.question.model };
    const extraction = await store.keep(reading.reader, fingerprint, made, Date.now() + options.ttlMs);
    return { extraction, usage };
  };

  // Requests for the same reading at the same time wait for one model call; the one who asked first pays.
  const once = async (reading: Reading, fingerprint: string, ask: AskModel) => {
    const key = JSON.stringify([reading.reader.tenant, reading.reader.principalId, reading.reader.user, fingerprint]);
    // Where the other one fails (its caller may have gone), this one tries for itself.
    const running = underWay.get(key);
    if (running !== undefined) {
      const other = await running.catch(() => undefined);
      if (other !== undefined) return { extraction: other.extraction, usage: FREE, reused: true };
    }
    const begun = extractNew(reading, fingerprint, ask);
    underWay.set(key, begun);
    try {
      return { ...(await begun), reused: false };
    } finally {
      underWay.delete(key);
    }
  };

  return async (reading, ask) => {
    const { reader, tool, question } = reading;
    try {
      if (Buffer.byteLength(reading.content) > limits.contentBytes) {
        return denied('The content is too large to be read in quarantine.', { limit: limits.contentBytes });
      }
      const marks = fingerprints(reading.content, reading.structuredJson, question);
      const fingerprint = marks[0] as string;
      const before = await store.presented(reader, tool, marks);
      if (before !== undefined) {
        metrics.extracted('shown_again');
        return { ...before, ...FREE, reused: true };
      }
      const earlier = await store.extracted(reader, marks);
      const result =
        earlier === undefined
          ? await once(reading, fingerprint, ask)
          : { extraction: earlier, usage: FREE, reused: true };
      const { items, model } = result.extraction;
      const made = present(question, items, tool, indexPointers(reading.structuredJson));
      const bits = bitsOf(question) * items.length;
      const shown = await store.show(
        reader,
        { ...made, model, tool, fingerprint, bits },
        limits.bitsPerTrajectory,
        Date.now() + options.ttlMs,
      );
      if (shown === undefined)
        return denied('The run was shown as much of untrusted content as one run may be.', { bits });
      metrics.extracted(result.reused ? 'reused' : 'read');
      return { ...shown, ...result.usage, reused: result.reused };
    } catch (error) {
      metrics.extracted(asGatewayError(error).code === 'policy_denied' ? 'denied' : 'failed');
      throw error;
    }
  };
}

function denied(why: string, details: Record<string, unknown>): never {
  throw new GatewayError('policy_denied', why, { details });
}
