import type { AnswerItem } from './answer.ts';
import type { HandleRecord } from './handle-record.ts';
import type { TrustedValue } from './mask.ts';

/** Who asks, in which run; handles are for these alone. */
export interface Reader {
  readonly tenant: string;
  readonly trajectory: string;
  readonly principalId: string;
  /** Empty where nobody stands behind the principal. */
  readonly user: string;
}

/** An answer that was checked, and the model that gave it. */
export interface Extraction {
  readonly items: readonly AnswerItem[];
  readonly model: string;
}

/** Where the ladder ended; `handles`: nothing untrusted in plain but how much there is. */
export type Rung = 'both' | 'structured' | 'extracted' | 'handles';

/** What the privileged model is shown of a result, and what stands behind its handles. */
export interface Shown {
  readonly answerJson: string;
  readonly handles: readonly HandleRecord[];
  readonly trusted: readonly TrustedValue[];
  /** Public name of the model that read; empty where none did. */
  readonly model: string;
  /** Bits of untrusted content in plain. */
  readonly bits: number;
  readonly rung: Rung;
}

/** What was shown, and the bits of all that its run was shown. */
export interface Counted {
  readonly shown: Shown;
  readonly runBits: number;
}

/** Where extractions, what runs were shown of them, and values behind handles are kept. */
export interface ExtractionStore {
  /** What this run was already shown for any of these fingerprints. */
  presented(reader: Reader, tool: string, fingerprints: readonly string[]): Promise<Counted | undefined>;
  /** An earlier extraction by the same user, in whatever run. */
  extracted(reader: Reader, fingerprints: readonly string[]): Promise<Extraction | undefined>;
  /** Keeps an extraction; of two made at once, the first stays and is answered. */
  keep(reader: Reader, fingerprint: string, extraction: Extraction, expiresAtMs: number): Promise<Extraction>;
  /**
   * Makes a presentation durable with its handles; of two made at once, the first stays and is answered. Keeps nothing,
   * and answers only the bits of the run so far, where it would have been shown more than `mostBits`.
   */
  show(
    reader: Reader,
    presentation: { readonly tool: string; readonly fingerprint: string; readonly shown: Shown },
    mostBits: number,
    expiresAtMs: number,
  ): Promise<Counted | { readonly shown?: undefined; readonly runBits: number }>;
  /** The values behind those handles that are this reader's. */
  resolve(reader: Reader, ids: readonly string[]): Promise<readonly HandleRecord[]>;
  /** Deletes some of what expired before `nowMs` and answers how many rows went. */
  sweep(nowMs: number): Promise<number>;
}
