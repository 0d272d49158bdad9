import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
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
 * Asks a token endpoint (RFC 6749 §4.4, §5). Throws `upstream_credentials` where it refuses, `upstream_error` where it fails,
 * `upstream_timeout` where it is late and `upstream_invalid` where its answer is none; nothing that it says is told.
 */
export async function askToken(
  post: PostForm,
  url: string,
  parameters: Readonly<Record<string, string>>,
): Promise<IssuedToken> {
  const { status, text } = await sent(post, url, new URLSearchParams(parameters).toString());
  if (status === 400 || status === 401 || status === 403) {
    throw new GatewayError('upstream_credentials', "The provider's token endpoint refused the credential.");
  }
  if (status !== 200) throw new GatewayError('upstream_error', "The provider's token endpoint failed.");
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

async function sent(post: PostForm, url: string, form: string): Promise<{ status: number; text: string }> {
  try {
    const answer = await post(url, form);
    return { status: answer.status, text: await answer.text(MAX_ANSWER_BYTES) };
  } catch (caught) {
    const error = asGatewayError(caught);
    // Nobody but its own deadline ends this call.
    if (error.code !== 'deadline_exceeded' && error.code !== 'cancelled') throw error;
    throw new GatewayError('upstream_timeout', "The provider's token endpoint did not answer in time.", {
      cause: caught,
    });
  }
}
