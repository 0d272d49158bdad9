import type { AnswerItem } from './answer.ts';
import type { HandleRecord, Presentation } from './present.ts';

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

/** Where extractions, what runs were shown of them, and values behind handles are kept. */
export interface ExtractionStore {
  /** What this run was already shown for any of these fingerprints. */
  presented(reader: Reader, tool: string, fingerprints: readonly string[]): Promise<Shown | undefined>;
  /** An earlier extraction by the same user, in whatever run. */
  extracted(reader: Reader, fingerprints: readonly string[]): Promise<Extraction | undefined>;
  /** Keeps an extraction; of two made at once, the first stays and is answered. */
  keep(reader: Reader, fingerprint: string, extraction: Extraction, expiresAtMs: number): Promise<Extraction>;
  /**
   * Makes a presentation durable with its handles; of two made at once, the first stays and is answered. Answers
   * undefined, and keeps nothing, where the run would have been shown more than `mostBits`.
   */
  show(
    reader: Reader,
    shown: Shown & { readonly tool: string; readonly fingerprint: string; readonly bits: number },
    mostBits: number,
    expiresAtMs: number,
  ): Promise<Shown | undefined>;
  /** The values behind those handles that are this reader's. */
  resolve(reader: Reader, ids: readonly string[]): Promise<readonly HandleRecord[]>;
  /** Deletes some of what expired before `nowMs` and answers how many rows went. */
  sweep(nowMs: number): Promise<number>;
}

/** A presentation and the model that read. */
export interface Shown extends Presentation {
  readonly model: string;
}
