import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asObject, asString } from '../../chat/json.ts';
import { retryable } from '../failure-class.ts';
import { decodeFailure as decodeChatFailure } from '../openai-chat/failure.ts';

/** Words of this API alone; all others are those of chat completions. */
const codes: Readonly<Record<string, FailureKind>> = {
  invalid_prompt: 'content_policy',
  bio_policy: 'content_policy',
  image_content_policy_violation: 'content_policy',
  misalignment_policy_violation: 'content_policy',
  vector_store_timeout: 'timeout',
};

/**
 * Reads an error: the body of a refusal, the `error` of a failed response, or an `error` event, which all have the fields of a chat
 * completion's error. `status` is absent inside a stream; a code about an image is then the client's fault.
 */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const failure = decodeChatFailure(status, body);
  const error = asObject(asObject(body)?.error) ?? asObject(body);
  const code = asString(error?.code) ?? '';
  const kind = Object.hasOwn(codes, code)
    ? codes[code]!
    : status === undefined && /image/.test(code)
      ? 'invalid_request'
      : undefined;
  return kind === undefined ? failure : { ...failure, kind, retryable: retryable(kind), raw: code };
}
