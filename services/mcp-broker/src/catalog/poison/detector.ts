import type { DefinitionText } from './definition-texts.ts';

/** What was found in a definition. */
export interface Suspicion {
  /** Of the detector, in CamelCase; stable. */
  readonly code: string;
  /** JSON pointer to where it stands in the definition, in characters that can be seen. */
  readonly at: string;
}

/** Looks for one way to poison a definition. */
export interface Detector {
  readonly code: string;
  /**
   * Whether what it finds is certain: then the definition is held until a reviewer names its digest. A guess is told and
   * counted, and holds nothing: a person has to judge it.
   */
  readonly certain: boolean;
  finds(text: DefinitionText): boolean;
}

/** A detector of phrases: in the text as it is read, and in what it says under encodings. */
export function phrases(code: string, patterns: readonly RegExp[]): Detector {
  return {
    code,
    certain: false,
    finds: ({ plain, hidden }) => patterns.some((one) => one.test(plain) || hidden.some((said) => one.test(said))),
  };
}
