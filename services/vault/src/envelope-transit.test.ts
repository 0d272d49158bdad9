import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Outbound, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import { type FakeTransit, startFakeTransit } from '../../../test/fakes/transit.ts';
import { createEnvelope, secretPlace } from './envelope.ts';
import { fileMasters } from './envelope-file.ts';
import { mastersOf } from './envelope-masters.ts';
import { transitMasters } from './envelope-transit.ts';
import { OLD_MASTER } from './testing/vault.ts';

const place = secretPlace({ name: 'openai', key: 'apiKey' });
let transit: FakeTransit;
let http: Outbound;

beforeEach(async () => {
  transit = await startFakeTransit();
  http = outbound({
    guard: urlGuard({ allowPrivate: true, allowHttp: true }),
    timeouts: { connectMs: 1000, headersMs: 1000, bodyIdleMs: 1000 },
  });
});
afterEach(async () => {
  await http.stop();
  await transit.close();
});

const masters = async (token = transit.token) => {
  const made = transitMasters({ address: transit.url, mount: 'transit', key: 'sallyport', token: () => token }, http);
  await made.refresh();
  return made;
};

describe('master keys in a transit engine', () => {
  it('[vault:transit] wrap data keys that only it opens, and each is asked for once', async () => {
    const envelope = createEnvelope(await masters());
    const key = await envelope.newDataKey('acme');
    expect(key.masterId).toBe('transit:transit/sallyport:v1');
    const sealed = await envelope.seal('acme', key, place, 'sk-very-secret');
    await expect(envelope.open('acme', key, place, sealed)).resolves.toBe('sk-very-secret');
    expect(transit.asked.get('decrypt')).toBe(1);
    const elsewhere = createEnvelope(await masters());
    await expect(elsewhere.open('globex', key, place, sealed)).rejects.toMatchObject({ code: 'internal' });
    await expect(elsewhere.open('acme', { ...key, id: 'x' }, place, sealed)).rejects.toMatchObject({
      code: 'internal',
    });
  });

  it('[vault:transit] go over to a new version, and from a file to transit', async () => {
    const file = fileMasters(() => [OLD_MASTER]);
    const first = createEnvelope(file);
    const key = await first.newDataKey('acme');
    const sealed = await first.seal('acme', key, place, 'sk-very-secret');
    const own = await masters();
    const both = createEnvelope(mastersOf([own, file]));
    const moved = await both.rewrap('acme', key);
    expect(moved.masterId).toBe('transit:transit/sallyport:v1');
    transit.rotate();
    await own.refresh();
    const again = await both.rewrap('acme', moved);
    expect(again.masterId).toBe('transit:transit/sallyport:v2');
    await expect(createEnvelope(own).open('acme', again, place, sealed)).resolves.toBe('sk-very-secret');
    await expect(
      createEnvelope(own).open('acme', { ...again, masterId: moved.masterId }, place, sealed),
    ).rejects.toThrow();
  });

  it('[vault:transit] serves what it has opened while the engine is sealed, and says unavailable for the rest', async () => {
    const envelope = createEnvelope(await masters());
    const key = await envelope.newDataKey('acme');
    const other = await envelope.newDataKey('acme');
    const sealed = await envelope.seal('acme', key, place, 'sk-very-secret');
    transit.sealed = true;
    await expect(envelope.open('acme', key, place, sealed)).resolves.toBe('sk-very-secret');
    await expect(envelope.open('acme', other, place, sealed)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(envelope.newDataKey('acme')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('takes no token of another', async () => {
    await expect(masters('wrong')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
