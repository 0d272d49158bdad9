import { GatewayError } from '@sallyport/chassis/errors';

const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 48;
const MAX_RESULT_DEPTH = 128;

/** Throws `invalid_request` for arguments beyond what any tool is given: 1 MiB of JSON, 48 levels. */
export function boundArguments(value: unknown, json: string): void {
  if (json.length > MAX_BYTES)
    throw new GatewayError('invalid_request', `The arguments are larger than ${MAX_BYTES} bytes.`);
  if (deeper(value, MAX_DEPTH))
    throw new GatewayError('invalid_request', `The arguments nest deeper than ${MAX_DEPTH}.`);
}

/** Throws `upstream_invalid` for a result of more than 128 levels: it could be read, and not be written again. */
export function boundResult(result: object): void {
  if (deeper(result, MAX_RESULT_DEPTH))
    throw new GatewayError('upstream_invalid', `The result of the tool nests deeper than ${MAX_RESULT_DEPTH}.`);
}

function deeper(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  return Object.values(value).some((child) => deeper(child, left - 1));
}
