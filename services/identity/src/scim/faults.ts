import { type ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import type { Response } from 'express';

/** What RFC 7644 section 3.12 calls a bad request. */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue';

/** A request that is refused, with the reason as SCIM names it. */
export function bad(scimType: ScimType, message: string): GatewayError {
  return new GatewayError('invalid_request', message, { details: { scimType } });
}

const TYPE_OF_CODE: Partial<Record<ErrorCode, ScimType>> = {
  duplicate_key: 'invalidSyntax',
  body_too_deep: 'invalidSyntax',
  invalid_request: 'invalidSyntax',
};

/** Writes a failure as SCIM has it; without internals. */
export function renderScimError(error: GatewayError, res: Response): void {
  if (error.status === 401) res.setHeader('www-authenticate', 'Bearer realm="scim"');
  if (error.retryAfterMs !== undefined) res.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
  const scimType = error.status === 400 || error.status === 409 ? error.details?.scimType : undefined;
  const told = scimType ?? (error.status === 400 ? TYPE_OF_CODE[error.code] : undefined);
  res
    .status(error.status)
    .type('application/scim+json')
    .send(
      JSON.stringify({
        schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
        status: String(error.status),
        ...(told === undefined ? {} : { scimType: told }),
        detail: error.message,
      }),
    );
}
