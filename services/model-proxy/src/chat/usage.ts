/**
 * Tokens of one model call. `input` is the whole prompt and contains `cacheRead` and `cacheWrite`; `output` contains
 * `reasoning`. Counts are non-negative safe integers.
 */
export interface Usage {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  /** The part of `cacheWrite` that is kept for an hour and costs more. */
  cacheWrite1h?: number;
  /** The part of `input` that is audio. */
  inputAudio?: number;
  /** The part of `output` that is audio. */
  outputAudio?: number;
  /** The part of `input` that is pictures. */
  inputImage?: number;
  /** The part of `output` that is pictures. */
  outputImage?: number;
  /** Pictures made, where they are counted as such. */
  images?: number;
  /** Characters read aloud. */
  characters?: number;
  /** Seconds of sound listened to; may have a fraction. */
  seconds?: number;
  /** Searches that a reranker counts. */
  searches?: number;
}

/** What is counted beside tokens. */
export const UNITS = ['images', 'characters', 'seconds', 'searches'] as const;

const PARTS = ['cacheWrite1h', 'inputAudio', 'outputAudio', 'inputImage', 'outputImage', ...UNITS] as const;

/** Nothing used. */
export const noUsage: Readonly<Usage> = Object.freeze({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
});

/** Reads a token count from a provider's answer: anything but a non-negative safe integer counts as absent. */
export function tokenCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Adds two usages, for a turn of several model calls. */
export function addUsage(a: Usage, b: Usage): Usage {
  const sum: Usage = {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    reasoning: a.reasoning + b.reasoning,
  };
  for (const part of PARTS) {
    if (a[part] !== undefined || b[part] !== undefined) sum[part] = (a[part] ?? 0) + (b[part] ?? 0);
  }
  return sum;
}
