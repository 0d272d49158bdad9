import { isObject, parseObject } from '../chat/json.ts';
import type { ChatResponse } from '../chat/response.ts';

/** An answer as it is kept: what the provider said, before anything was filled, made inert or decided. */
export interface Entry {
  /** Epoch milliseconds at which the provider had answered. */
  readonly atMs: number;
  readonly provider: string;
  /** The model's name at the provider. */
  readonly model: string;
  readonly response: ChatResponse;
  /** The provider's own body, where it is in the dialect of those who may be given it. */
  readonly text?: string;
  /** The label of the turn once it had the answer, as `toJson` of the label writes it. */
  readonly label: string;
}

const FORM = 1;

/** Writes an entry. */
export function writeEntry(entry: Entry): Buffer {
  return Buffer.from(JSON.stringify({ form: FORM, ...entry }));
}

/** Reads an entry; undefined for what this version did not write. */
export function readEntry(bytes: Buffer): Entry | undefined {
  const value = parseObject(bytes.toString());
  if (value?.form !== FORM || !isObject(value.response) || !Array.isArray(value.response.content)) return undefined;
  return value as unknown as Entry;
}
