import { randomBytes } from 'node:crypto';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { type AnswerFault, type AnswerItem, readAnswer } from './answer.ts';
import { detect } from './detect.ts';
import type { QuarantineMetrics, ReadingFault } from './metrics.ts';
import type { Question } from './question.ts';
import { answerSchema, systemText } from './question-text.ts';

/** One call of a reading model: no tools, answer by schema. */
export type AskModel = (ask: {
  readonly model: string;
  readonly system: string;
  readonly content: string;
  readonly schemaJson: string;
  readonly maxOutputTokens: number;
}) => Promise<ModelAnswer>;

/** What a reading model answered and what that cost. */
export interface ModelAnswer extends Usage {
  readonly text: string;
}

/** What model calls cost. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: number;
}

/** The cost of no call. */
export const FREE: Usage = { inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };

/** Content that could not be read, and why; the cause and the cost of trying are in it, the content is not. */
export class ReadingFailed extends Error {
  readonly fault: ReadingFault;
  readonly usage: Usage;
  /** What a caller is told where nothing else can be shown. */
  readonly told: Error;

  constructor(fault: ReadingFault, usage: Usage, told: Error) {
    super(told.message);
    this.name = 'ReadingFailed';
    this.fault = fault;
    this.usage = usage;
    this.told = told;
  }
}

/** Bounds of a reading. */
export interface ReadingLimits {
  readonly contentBytes: number;
  readonly stringLength: number;
  readonly outputTokens: number;
}

/** A checked answer, who gave it and what that cost. */
export interface Read {
  readonly items: readonly AnswerItem[];
  readonly model: string;
  readonly usage: Usage;
}

/** Has content read by the first model that can. Rejects with ReadingFailed, or with `cancelled` where nobody waits. */
export type ReadContent = (tool: string, question: Question, content: string, ask: AskModel) => Promise<Read>;

const ATTEMPTS = 2;
const CANARY_BYTES = 12;

/** Puts reading together: detectors first, then each model in order until an answer fits. */
export function createReadContent(options: {
  readonly limits: ReadingLimits;
  readonly metrics: QuarantineMetrics;
  readonly log: Logger;
}): ReadContent {
  const { limits, metrics, log } = options;

  const cleaned = (tool: string, content: string) => {
    const { content: clean, found } = detect(content);
    const findings = Object.entries(found);
    if (findings.length > 0) log.warn('content hides something from who looks at it', { tool, ...found });
    for (const [what, count] of findings) metrics.detected(what as keyof typeof found, count);
    return clean;
  };

  return async (tool, question, content, ask) => {
    if (Buffer.byteLength(content) > limits.contentBytes) {
      const told = denial('The content is too large to be read in quarantine.', { limit: limits.contentBytes });
      throw new ReadingFailed('too_large', FREE, told);
    }
    const clean = cleaned(tool, content);
    const schemaJson = JSON.stringify(answerSchema(question, limits.stringLength));
    let usage = FREE;
    let failed = new ReadingFailed('unavailable', FREE, new GatewayError('unavailable', 'No model could read.'));
    for (const model of question.models) {
      let fault: AnswerFault = 'not_json';
      try {
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
          const canary = randomBytes(CANARY_BYTES).toString('hex');
          const system = systemText(question, canary);
          const { text, ...cost } = await ask({
            model,
            system,
            content: clean,
            schemaJson,
            maxOutputTokens: limits.outputTokens,
          });
          usage = sum(usage, cost);
          // Another model would read the same words, so none is asked.
          if (holds(text, canary)) {
            const told = denial('The content took over the model that read it.', {});
            throw new ReadingFailed('compromised', usage, told);
          }
          const read = readAnswer(text, question, limits.stringLength);
          if ('items' in read) return { items: read.items, model, usage };
          fault = read.fault;
          metrics.misfit(fault);
        }
      } catch (error) {
        if (error instanceof ReadingFailed || asGatewayError(error).code === 'cancelled') throw error;
        // The words of a provider's error may be those of the content.
        log.warn('a reading model could not be asked', { model, code: asGatewayError(error).code });
        failed = new ReadingFailed('unavailable', usage, error instanceof Error ? error : asGatewayError(error));
        continue;
      }
      failed = new ReadingFailed(
        'misfit',
        usage,
        denial('The answer of the reading model does not fit the question.', { fault }),
      );
    }
    throw failed;
  };
}

function denial(why: string, details: Record<string, unknown>): GatewayError {
  return new GatewayError('policy_denied', why, { details });
}

// Also where it is spelled out or written in other letters.
function holds(text: string, canary: string): boolean {
  return (
    text.includes(canary) ||
    text
      .toLowerCase()
      .replace(/[^0-9a-f]/g, '')
      .includes(canary)
  );
}

function sum(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costNanoUsd: a.costNanoUsd + b.costNanoUsd,
  };
}
