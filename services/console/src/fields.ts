import { z } from 'zod';

/** Schemas of values that several routes share. */
export const fields = {
  /** RFC 3339 in answers. */
  time: z.iso.datetime().describe('RFC 3339, UTC.'),
  costUsd: z.string().nullable().describe('Exact decimal US dollars; null when a price was unknown.'),
  costNanoUsd: z.int().nullable().describe('The same in billionths of a US dollar.'),
  count: z.int().min(0),
} as const;

/** Query parameters of every list. */
export const pageQuery = {
  pageSize: z.coerce.number().int().min(1).max(200).default(50).describe('Most items on a page.'),
  pageToken: z.string().max(512).default('').describe('`nextPageToken` of the page before.'),
} as const;

/** A page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    nextPageToken: z.string().nullable().describe('Null on the last page.'),
  });
}

/** An instant of the API: epoch milliseconds as RFC 3339. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** As `timeOf`, with 0 for never. */
export function timeOrNull(ms: number): string | null {
  return ms > 0 ? timeOf(ms) : null;
}
