import type { GatewayError } from '@sallyport/chassis/errors';
import { z } from 'zod';

/** Media type of every error (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

/** An error of the admin API (RFC 9457 §3) with the suite's stable code. */
export const problemSchema = z
  .object({
    type: z.string().describe('URN of the kind of problem: `urn:sallyport:error:` and the code.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What went wrong here, in one sentence.'),
    code: z.string().describe('Stable code, one of the closed list that all of Sallyport uses.'),
    faults: z
      .array(z.object({ path: z.string().describe('JSON pointer.'), message: z.string() }))
      .optional()
      .describe('Each fault of the request.'),
  })
  .loose()
  .meta({ id: 'Problem', description: 'An error (RFC 9457); further members are facts about it.' });

/** The problem that tells of an error; details of the error become further members. */
export function problemOf(error: GatewayError): z.output<typeof problemSchema> {
  return {
    ...error.details,
    type: `urn:sallyport:error:${error.code}`,
    title: titleOf(error.code),
    status: error.status,
    detail: error.message,
    code: error.code,
  };
}

function titleOf(code: string): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
