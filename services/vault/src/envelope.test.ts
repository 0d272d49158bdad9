import { describe, expect, it } from '@jest/globals';
import { createEnvelope, secretPlace } from './envelope.ts';
import { fileMasters } from './envelope-file.ts';
import { NEW_MASTER, OLD_MASTER } from './testing/vault.ts';

const place = secretPlace({ name: 'openai', key: 'apiKey' });
const envelopeOf = (...keys: (typeof OLD_MASTER)[]) => createEnvelope(fileMasters(() => keys));

describe('the envelope', () => {
  it('[vault:sealed] gives back what was sealed, and shows nothing of it', async () => {
    const envelope = envelopeOf(OLD_MASTER);
    const key = await envelope.newDataKey('acme');
    const sealed = await envelope.seal('acme', key, place, 'sk-very-secret');
    expect(sealed.toString('latin1')).not.toContain('sk-very');
    await expect(envelope.open('acme', key, place, sealed)).resolves.toBe('sk-very-secret');
  });

  it('[vault:sealed-in-place] does not open a row that was altered or moved to another tenant, name or key', async () => {
    const envelope = envelopeOf(OLD_MASTER);
    const key = await envelope.newDataKey('acme');
    const sealed = await envelope.seal('acme', key, place, 'sk-very-secret');
    const altered = Uint8Array.from(sealed);
    altered[altered.length - 1] = (altered[altered.length - 1] as number) ^ 1;
    const faults = [
      envelope.open('acme', key, place, altered),
      envelope.open('globex', key, place, sealed),
      envelope.open('acme', { ...key, id: 'other' }, place, sealed),
      envelope.open('acme', await envelope.newDataKey('acme'), place, sealed),
      envelope.open('acme', key, ['secret', 'other', 'apiKey'], sealed),
      envelope.open('acme', key, ['secret', 'openai', 'other'], sealed),
      envelope.open('acme', key, ['owned', 'openai', 'apiKey'], sealed),
    ];
    for (const fault of faults) await expect(fault).rejects.toThrow();
  });

  it('[vault:master-rotation] goes over to a new master key without sealing values anew', async () => {
    const before = envelopeOf(OLD_MASTER);
    const key = await before.newDataKey('acme');
    const sealed = await before.seal('acme', key, place, 'sk-very-secret');
    const both = envelopeOf(NEW_MASTER, OLD_MASTER);
    await expect(both.open('acme', key, place, sealed)).resolves.toBe('sk-very-secret');
    const rewrapped = await both.rewrap('acme', key);
    expect(rewrapped).toMatchObject({ id: key.id, masterId: 'm2' });
    await expect(envelopeOf(NEW_MASTER).open('acme', rewrapped, place, sealed)).resolves.toBe('sk-very-secret');
    await expect(envelopeOf(NEW_MASTER).open('acme', key, place, sealed)).rejects.toThrow();
  });

  it('wraps by the master key that was chosen, while it is there', async () => {
    const both = envelopeOf(NEW_MASTER, OLD_MASTER);
    both.useMaster('m1');
    await expect(both.newDataKey('acme')).resolves.toMatchObject({ masterId: 'm1' });
    both.useMaster('gone');
    await expect(both.newDataKey('acme')).resolves.toMatchObject({ masterId: 'm2' });
  });

  it('needs a master key', () => {
    expect(() => envelopeOf()).toThrow('at least one master key');
  });
});
