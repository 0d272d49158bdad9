import { createHmac } from 'node:crypto';
import type { FileKey } from '@sallyport/chassis/key-file';
import { deriveKey } from '@sallyport/chassis/seal';
import type { Question } from './question.ts';

/** Keyed digests of content with the question about it, one for each key, newest first: the first is stored. */
export type Fingerprints = (content: string, structuredJson: string, question: Question) => readonly string[];

/** Derives the keys, so that who reads the database cannot try out contents. Old keys still find what they stored. */
export function createFingerprints(keys: readonly FileKey[]): Fingerprints {
  const derived = keys.map(({ key }) => deriveKey(key, 'quarantine fingerprint'));
  return (content, structuredJson, question) => {
    const { model, instruction, fields, list, maxItems } = question;
    const text = JSON.stringify([model, instruction, fields, list, maxItems, content, structuredJson]);
    return derived.map((key) => createHmac('sha256', key).update(text).digest('hex'));
  };
}
