import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { type ErrorDetail, ErrorDetailSchema } from '@sallyport/proto/errors/v1/errors_pb';
import { asGatewayError, codeOfGrpcStatus, GatewayError, grpcStatusOf, isErrorCode } from '../errors.ts';

const TRAILER = 'sallyport-error-bin';
// HTTP/2 peers allow some 8 KiB of headers: a longer detail would break the call that it explains.
const MAX_MESSAGE = 512;
const MAX_DETAILS = 3072;

/** A failure as it crosses the wire. Anything but a GatewayError becomes a bare `internal`. */
export function toDetail(caught: unknown): ErrorDetail {
  const error = asGatewayError(caught);
  const details = error.details === undefined ? '' : JSON.stringify(error.details);
  return create(ErrorDetailSchema, {
    code: error.code,
    message: error.message.slice(0, MAX_MESSAGE),
    detailsJson: details.length > MAX_DETAILS ? '' : details,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}

/** The failure that a peer told of. */
export function fromDetail(detail: ErrorDetail, cause?: unknown): GatewayError {
  return new GatewayError(isErrorCode(detail.code) ? detail.code : 'internal', detail.message, {
    cause,
    retryAfterMs: detail.retryAfterMs,
    details: parseDetails(detail.detailsJson),
  });
}

/** A failure as gRPC status and binary trailer. */
export function toStatus(caught: unknown): Partial<StatusObject> & Error {
  const detail = toDetail(caught);
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(toBinary(ErrorDetailSchema, detail)));
  return {
    name: 'GatewayError',
    message: detail.message,
    code: grpcStatusOf(asGatewayError(caught).code),
    details: detail.message,
    metadata,
  };
}

/** The GatewayError that a failed call stands for: the peer's own when it sent one, else by the gRPC status. */
export function fromStatus(error: ServiceError, method: string, timeoutMs: number): GatewayError {
  const bytes = error.metadata?.get(TRAILER)[0];
  if (bytes instanceof Buffer) {
    return fromDetail(fromBinary(ErrorDetailSchema, bytes), error);
  }
  const code = codeOfGrpcStatus(error.code);
  return new GatewayError(code, MESSAGES[code]?.(method, timeoutMs) ?? `${method} failed.`, { cause: error });
}

const MESSAGES: Partial<Record<string, (method: string, timeoutMs: number) => string>> = {
  deadline_exceeded: (method, timeoutMs) => `${method} did not answer within ${timeoutMs} ms.`,
  unavailable: (method) => `${method} cannot be reached.`,
  cancelled: (method) => `${method} was cancelled.`,
};

function parseDetails(json: string): Record<string, unknown> | undefined {
  if (json === '') return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
