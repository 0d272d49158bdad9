import { describe, expect, it } from '@jest/globals';
import { uploadRoom } from './uploads.ts';

describe('the room for uploads', () => {
  const room = () => uploadRoom({ maxUploadBytes: 100, maxUploadsHeld: 250 });
  const take = (uploads: ReturnType<typeof room>, headers: Record<string, string>) => uploads.take({ headers });

  it('[operations:uploads-bounded] is bounded by what is declared, and given back once', () => {
    const uploads = room();
    const first = take(uploads, { 'content-length': '100' });
    take(uploads, { 'content-length': '100' });
    expect(() => take(uploads, { 'content-length': '51' })).toThrow(expect.objectContaining({ code: 'unavailable' }));
    take(uploads, { 'content-length': '50' });
    first();
    first();
    take(uploads, { 'content-length': '100' });
    expect(() => take(uploads, { 'content-length': '1' })).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });

  it.each<[Record<string, string>]>([
    [{ 'transfer-encoding': 'chunked' }],
    [{ 'content-length': '1', 'content-encoding': 'gzip' }],
    [{ 'content-length': 'x' }],
  ])('[operations:uploads-bounded] takes the longest for %j, whose length is not known', (headers) => {
    const uploads = room();
    take(uploads, headers);
    take(uploads, headers);
    expect(() => take(uploads, headers)).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });

  it('is never enough for what is too long, and nothing is needed for nothing', () => {
    const uploads = room();
    expect(() => take(uploads, { 'content-length': '101' })).toThrow(
      expect.objectContaining({ code: 'body_too_large' }),
    );
    for (let times = 0; times < 1_000; times++) take(uploads, {});
  });
});
