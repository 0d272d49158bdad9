import type { Metrics } from '@sallyport/chassis/metrics';
import type { AnswerFault } from './answer.ts';
import type { Finding } from './detect.ts';
import type { Rung } from './extraction-store.ts';

/** Why content could not be read. */
export type ReadingFault = 'too_large' | 'misfit' | 'unavailable' | 'compromised';

/** What quarantine counts beside what the chassis does. */
export interface QuarantineMetrics {
  extracted(outcome: 'read' | 'reused' | 'shown_again' | 'denied' | 'failed'): void;
  /** An answer that did not fit; a rise means a model that is confused or taken over. */
  misfit(fault: AnswerFault): void;
  /** A reading that came to nothing; `compromised`: the content made the model repeat its secret mark. */
  readingFailed(cause: ReadingFault): void;
  detected(what: Finding, count: number): void;
  /** Where the ladder ended, of what was not shown before. */
  shown(rung: Rung): void;
}

/** Registers the metrics of quarantine. */
export function quarantineMetrics(metrics: Metrics): QuarantineMetrics {
  const extractions = metrics.counter('extractions_total', 'Contents read in quarantine.', ['outcome']);
  const misfits = metrics.counter('answer_misfits_total', 'Answers of reading models that did not fit.', ['fault']);
  const failures = metrics.counter('reading_failures_total', 'Readings that came to nothing.', ['cause']);
  const detections = metrics.counter('content_findings_total', 'What hid in content that was read.', ['what']);
  const rungs = metrics.counter('presentations_total', 'Results shown, by the rung of the ladder.', ['rung']);
  return {
    extracted: (outcome) => extractions.inc({ outcome }),
    misfit: (fault) => misfits.inc({ fault }),
    readingFailed: (cause) => failures.inc({ cause }),
    detected: (what, count) => detections.inc({ what }, count),
    shown: (rung) => rungs.inc({ rung }),
  };
}
