import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { asNumber, asString, parseObject } from '../chat/json.ts';
import type { IssuedToken } from './access-tokens.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const LONGEST_LIFE_SECONDS = 86_400;
/** Where an issuer does not say (RFC 6749 §5.1): short. */
const UNSAID_LIFE_SECONDS = 300;

/** Sends a form; the caller bounds its time. */
export type PostForm = (url: string, form: string) => Promise<OutboundResponse>;

/**
 * Asks a token endpoint (RFC 6749 §4.4, §5). Throws `upstream_credentials` where it refuses, `upstream_error` where it fails and
 * `upstream_invalid` where its answer is none; nothing that it says is told.
 */
export async function askToken(
  post: PostForm,
  url: string,
  parameters: Readonly<Record<string, string>>,
): Promise<IssuedToken> {
  const answer = await post(url, new URLSearchParams(parameters).toString());
  const text = await answer.text(MAX_ANSWER_BYTES);
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    throw new GatewayError('upstream_credentials', "The provider's token endpoint refused the credential.");
  }
  if (answer.status !== 200) throw new GatewayError('upstream_error', "The provider's token endpoint failed.");
  const given = parseObject(text);
  const value = asString(given?.access_token);
  const type = asString(given?.token_type)?.toLowerCase();
  if (value === undefined || !/^[\x21-\x7e]{1,16384}$/.test(value) || (type !== undefined && type !== 'bearer')) {
    throw new GatewayError('upstream_invalid', "The provider's token endpoint gave no token that can be used.");
  }
  // Some write the number as text.
  const seconds = asNumber(Number(given?.expires_in ?? UNSAID_LIFE_SECONDS)) ?? UNSAID_LIFE_SECONDS;
  return { value, livesMs: Math.min(LONGEST_LIFE_SECONDS, Math.max(0, seconds)) * 1000 };
}
