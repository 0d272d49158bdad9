import type { GatewayError } from '@sallyport/chassis/errors';
import { asObject } from '../../chat/json.ts';
import { errorBody } from '../openai/errors.ts';

export { errorBody } from '../openai/errors.ts';

/** The error as the last event of a stream, which clients raise; `sequence` is its number in the stream. */
export function errorFrame(error: GatewayError, trajectory?: string, sequence = 0): string {
  const { message, code, param } = asObject(errorBody(error, trajectory).error) ?? {};
  const event = { type: 'error', sequence_number: sequence, code, message, param };
  return `event: error\ndata: ${JSON.stringify(trajectory === undefined ? event : { ...event, trajectory })}\n\n`;
}
