import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { reasonOf } from '../deadline.ts';
import { GatewayError } from '../errors.ts';

/** Bounds of a request body. */
export interface BodyLimits {
  /** Most bytes, after decompression. */
  readonly limitBytes: number;
  readonly signal?: AbortSignal | undefined;
}

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/**
 * Reads a whole request body, decompressed, and stops at the limit: `body_too_large` (413) as soon as it is known.
 * A charset other than UTF-8 or an unknown encoding is `unsupported` (415); a client that leaves is `cancelled`.
 */
export function readBody(req: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = Number(req.headers['content-length'] ?? 0);
  if (declared > limits.limitBytes) return Promise.reject(tooLarge(limits.limitBytes));
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(req.headers['content-type'] ?? '')?.[1]?.toLowerCase();
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    return Promise.reject(new GatewayError('unsupported', 'Bodies must be UTF-8.', { status: 415 }));
  }
  const encoding = req.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return collect(req, req, limits);
  const decoder = DECODERS[encoding];
  if (decoder === undefined) {
    return Promise.reject(new GatewayError('unsupported', 'This content encoding is not served.', { status: 415 }));
  }
  return collect(req, req.pipe(decoder()) as unknown as Readable, limits);
}

function collect(req: IncomingMessage, source: Readable, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    let finished = false;
    // Listeners stay, deaf: a request does not outlive its answer, errors that come later must be heard by somebody or end
    // the process, and taking each off costs as much as the body.
    const finish = (error: Error | undefined) => {
      if (finished) return;
      finished = true;
      const whole = chunks;
      chunks = [];
      limits.signal?.removeEventListener('abort', onAbort);
      if (error === undefined) resolve(whole.length === 1 ? (whole[0] as Buffer) : Buffer.concat(whole, size));
      else {
        if (source !== req) {
          req.unpipe();
          source.destroy();
        }
        req.pause();
        reject(error);
      }
    };
    const onData = (chunk: Buffer) => {
      if (finished) return;
      size += chunk.length;
      if (size > limits.limitBytes) finish(tooLarge(limits.limitBytes));
      else chunks.push(chunk);
    };
    const onEnd = () => finish(undefined);
    const onError = (cause: Error) =>
      finish(
        source === req
          ? new GatewayError('cancelled', 'The client is gone.', { cause })
          : new GatewayError('invalid_request', 'The body cannot be decompressed.', { cause }),
      );
    const onClose = () => {
      if (!req.complete) finish(new GatewayError('cancelled', 'The client is gone.'));
    };
    const onAbort = () => finish(reasonOf(limits.signal as AbortSignal));
    if (limits.signal?.aborted) return onAbort();
    source.on('data', onData).on('end', onEnd).on('error', onError);
    req.on('close', onClose);
    if (source !== req) req.on('error', onClose);
    limits.signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError('body_too_large', `The body is larger than ${limitBytes} bytes.`, {
    details: { limitBytes },
  });
}
