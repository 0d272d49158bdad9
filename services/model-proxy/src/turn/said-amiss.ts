import { GatewayError } from '@sallyport/chassis/errors';

const amiss = new WeakSet<GatewayError>();

/**
 * The refusal of an answer for the calls in it: too many, too large, of one id, or of nothing that was offered. Who asks can
 * bring a model to it, so it is held against no provider: its breaker is everybody's.
 */
export function saidAmiss(message: string): GatewayError {
  const error = new GatewayError('upstream_invalid', message);
  amiss.add(error);
  return error;
}

/** Whether an error is one of `saidAmiss`. */
export function isSaidAmiss(error: GatewayError | undefined): boolean {
  return error !== undefined && amiss.has(error);
}
