import { describe, expect, it } from '@jest/globals';
import {
  asGatewayError,
  codeOfGrpcStatus,
  type ErrorCode,
  GatewayError,
  grpcStatusOf,
  httpStatusOf,
} from './errors.ts';

describe('GatewayError', () => {
  it.each<[ErrorCode, number]>([
    ['invalid_request', 400],
    ['unauthenticated', 401],
    ['policy_denied', 403],
    ['body_too_large', 413],
    ['rate_limited', 429],
    ['upstream_timeout', 504],
    ['audit_unavailable', 503],
    ['internal', 500],
  ])('%s is HTTP %i', (code, status) => {
    expect(httpStatusOf(code)).toBe(status);
    expect(new GatewayError(code, 'x').status).toBe(status);
  });

  it.each<ErrorCode>([
    'invalid_request',
    'unauthenticated',
    'permission_denied',
    'not_found',
    'unsupported',
    'unavailable',
    'deadline_exceeded',
    'cancelled',
    'internal',
  ])('%s survives a bare gRPC status', (code) => expect(codeOfGrpcStatus(grpcStatusOf(code))).toBe(code));

  it('takes a status number it does not know for internal', () => {
    expect(codeOfGrpcStatus(99)).toBe('internal');
  });
});

describe('asGatewayError', () => {
  it.each([
    [new GatewayError('conflict', 'c'), 'conflict'],
    [new DOMException('x', 'AbortError'), 'cancelled'],
    [new DOMException('x', 'TimeoutError'), 'deadline_exceeded'],
    [new Error('password=x'), 'internal'],
    ['a string', 'internal'],
    [undefined, 'internal'],
  ])('%s becomes %s', (caught, code) => expect(asGatewayError(caught).code).toBe(code));

  it('keeps what was caught for the log and says nothing of it', () => {
    const cause = new Error('relation "keys" does not exist');
    const error = asGatewayError(cause);
    expect(error.cause).toBe(cause);
    expect(error.message).not.toContain('keys');
  });
});
