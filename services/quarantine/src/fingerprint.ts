import { createHmac } from 'node:crypto';
import type { FileKey } from '@sallyport/chassis/key-file';
import { deriveKey } from '@sallyport/chassis/seal';
import type { Question } from './question.ts';
import type { Showing } from './result-field.ts';

/** What was read or shown, as far as it decides about the outcome. */
export interface Material {
  readonly question: Question | undefined;
  readonly content: string;
  readonly structuredJson: string;
}

/** Keyed digests, one for each key, newest first: the first is stored. */
export interface Fingerprints {
  /** Of content with the question about it, under one revision of the policy. */
  reading(material: Material, policyRevision: string): readonly string[];
  /**
   * Of all that decides what is shown. Without the revision: what a run was shown stays as it was while the rules that
   * made it do, whatever else changes in the policy.
   */
  showing(material: Material, rules: ShowingRules): readonly string[];
}

/** What beside the content decides how it is shown. */
export interface ShowingRules {
  readonly showing: Showing;
  readonly outputSchemaJson: string;
  readonly argumentsJson: string;
}

/** Derives the keys, so that who reads the database cannot try out contents. Old keys still find what they stored. */
export function createFingerprints(keys: readonly FileKey[]): Fingerprints {
  const derived = keys.map(({ key }) => deriveKey(key, 'quarantine fingerprint'));
  const digests = (...parts: readonly unknown[]) => {
    const text = JSON.stringify(parts);
    return derived.map((key) => createHmac('sha256', key).update(text).digest('hex'));
  };
  return {
    reading: ({ question, content }, policyRevision) => digests('reading', policyRevision, question, content),
    showing: ({ question, content, structuredJson }, { showing, outputSchemaJson, argumentsJson }) =>
      digests('showing', question ?? null, content, structuredJson, showing, outputSchemaJson, argumentsJson),
  };
}
