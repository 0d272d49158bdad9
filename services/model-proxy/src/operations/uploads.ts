import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';

/** Bounds how many bytes of uploads are held at once, since each is kept until a target has taken it. */
export interface Uploads {
  /**
   * Takes room for the body of a request; give it back by calling what is returned. Throws `unavailable` where there is
   * none, `body_too_large` where there never will be.
   */
  take(req: Pick<IncomingMessage, 'headers'>): () => void;
}

/** Makes the bound; a body whose length is not said counts as the longest. */
export function uploadRoom({
  maxUploadBytes,
  maxUploadsHeld,
}: {
  maxUploadBytes: number;
  maxUploadsHeld: number;
}): Uploads {
  let held = 0;
  return {
    take({ headers }) {
      const none = headers['transfer-encoding'] === undefined ? 0 : maxUploadBytes;
      const declared = Number(headers['content-length'] ?? none);
      // What is packed may become as long as any.
      const packed = headers['content-encoding'] !== undefined && declared > 0;
      const size = Number.isFinite(declared) && !packed ? declared : maxUploadBytes;
      if (size > maxUploadBytes) {
        throw new GatewayError('body_too_large', `The body is larger than ${maxUploadBytes} bytes.`);
      }
      if (held + size > maxUploadsHeld) {
        throw new GatewayError('unavailable', 'Too much is being uploaded at once.', { retryAfterMs: 1_000 });
      }
      held += size;
      let taken = true;
      return () => {
        if (taken) held -= size;
        taken = false;
      };
    },
  };
}
