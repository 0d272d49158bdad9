import type { Metrics } from '@sallyport/chassis/metrics';
import type { AnswerFault } from './answer.ts';

/** What quarantine counts beside what the chassis does. */
export interface QuarantineMetrics {
  extracted(outcome: 'read' | 'reused' | 'shown_again' | 'denied' | 'failed'): void;
  /** An answer that did not fit; a rise means a model that is confused or taken over. */
  misfit(fault: AnswerFault): void;
  cleaned(tagCharacters: number, secrets: number): void;
}

/** Registers the metrics of quarantine. */
export function quarantineMetrics(metrics: Metrics): QuarantineMetrics {
  const extractions = metrics.counter('extractions_total', 'Contents read in quarantine.', ['outcome']);
  const misfits = metrics.counter('answer_misfits_total', 'Answers of reading models that did not fit.', ['fault']);
  const cleaned = metrics.counter('content_cleaned_total', 'What was taken out before reading.', ['what']);
  return {
    extracted: (outcome) => extractions.inc({ outcome }),
    misfit: (fault) => misfits.inc({ fault }),
    cleaned(tagCharacters, secrets) {
      if (tagCharacters > 0) cleaned.inc({ what: 'tag_character' }, tagCharacters);
      if (secrets > 0) cleaned.inc({ what: 'credential' }, secrets);
    },
  };
}
