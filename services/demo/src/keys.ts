import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';

/** Tells whether a request carries the demo's key. */
export type KeyCheck = (req: Request) => boolean;

/** Builds the check for `key`, taken from `Authorization: Bearer` or `x-api-key`. Without a key everybody may call. */
export function keyCheck(key: string | undefined): KeyCheck {
  if (key === undefined) return () => true;
  const wanted = digest(key);
  return (req) => {
    const bearer = /^Bearer\s+(.+)$/i.exec(req.get('authorization') ?? '')?.[1];
    const given = bearer ?? req.get('x-api-key');
    return given !== undefined && timingSafeEqual(digest(given), wanted);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
