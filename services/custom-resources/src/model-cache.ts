import { z } from 'zod';
import { duration } from './fields.ts';

const LONGEST_TTL_SECONDS = 7 * 24 * 3600;

const ttl = duration
  .refine((text) => seconds(text) <= LONGEST_TTL_SECONDS, { message: 'must be 168h at most' })
  .describe('How long an answer is given again, 168h at most.');

const cache = z.object({
  ttl,
  scope: z
    .enum(['Principal', 'Team', 'Tenant'])
    .default('Principal')
    .describe(
      'Who is given an answer that was made for one of them: the principal alone; those with the same teams; everyone in the namespace. ' +
        'Wider than the principal it goes only for requests without tools that the gateway runs, tool results, attachments, untrusted content ' +
        'and credentials of people; and who asks word for word what a colleague asked learns by the answer that they did.',
    ),
});

const promptCache = z.object({
  ttl: z
    .enum(['5m', '1h'])
    .default('5m')
    .describe('How long the provider keeps the prompt; an hour costs more to write.'),
});

/** Fields of a Model that say which answers are kept here, and which prompts at the provider. */
export const cacheFields = {
  cache: cache
    .optional()
    .describe(
      'Gives the answer to the same request again, without calling the provider. Left out: every request is called.',
    ),
  promptCache: promptCache
    .optional()
    .describe(
      'Marks instructions, tools, long documents and what was said before for the cache of providers that take marks (Anthropic, Bedrock), ' +
        'where they are long enough to be kept. A request with marks of its own keeps those and gets no others.',
    ),
};

function seconds(text: string): number {
  return Number(text.slice(0, -1)) * ({ s: 1, m: 60, h: 3600 }[text.slice(-1)] ?? Number.NaN);
}

/** What a Model says of answers that are kept. */
export type ModelCache = z.output<typeof cache>;

/** What a Model says of prompts that its providers keep. */
export type ModelPromptCache = z.output<typeof promptCache>;
