import { describe, expect, it } from '@jest/globals';
import { createEnvelope } from './envelope.ts';
import { NEW_MASTER, OLD_MASTER } from './testing/vault.ts';

const ref = { name: 'openai', key: 'apiKey' };

describe('the envelope', () => {
  it('[vault:sealed] gives back what was sealed, and shows nothing of it', () => {
    const envelope = createEnvelope([OLD_MASTER]);
    const key = envelope.newDataKey('acme');
    const sealed = envelope.seal('acme', key, ref, 'sk-very-secret');
    expect(Buffer.from(sealed).toString('latin1')).not.toContain('sk-very');
    expect(envelope.open('acme', key, ref, sealed)).toBe('sk-very-secret');
  });

  it('[vault:sealed-in-place] does not open a row that was altered or moved to another tenant, name or key', () => {
    const envelope = createEnvelope([OLD_MASTER]);
    const key = envelope.newDataKey('acme');
    const sealed = envelope.seal('acme', key, ref, 'sk-very-secret');
    const altered = Uint8Array.from(sealed);
    altered[altered.length - 1] = (altered[altered.length - 1] as number) ^ 1;
    expect(() => envelope.open('acme', key, ref, altered)).toThrow();
    expect(() => envelope.open('globex', key, ref, sealed)).toThrow();
    expect(() => envelope.open('acme', { ...key, id: 'other' }, ref, sealed)).toThrow();
    expect(() => envelope.open('acme', envelope.newDataKey('acme'), ref, sealed)).toThrow();
    expect(() => envelope.open('acme', key, { ...ref, name: 'other' }, sealed)).toThrow();
    expect(() => envelope.open('acme', key, { ...ref, key: 'other' }, sealed)).toThrow();
  });

  it('[vault:master-rotation] goes over to a new master key without sealing values anew', () => {
    const before = createEnvelope([OLD_MASTER]);
    const key = before.newDataKey('acme');
    const sealed = before.seal('acme', key, ref, 'sk-very-secret');
    const both = createEnvelope([NEW_MASTER, OLD_MASTER]);
    expect(both.open('acme', key, ref, sealed)).toBe('sk-very-secret');
    const rewrapped = both.rewrap('acme', key);
    expect(rewrapped).toMatchObject({ id: key.id, masterId: 'm2' });
    const after = createEnvelope([NEW_MASTER]);
    expect(after.open('acme', rewrapped, ref, sealed)).toBe('sk-very-secret');
    expect(() => after.open('acme', key, ref, sealed)).toThrow();
  });

  it('needs a master key', () => {
    expect(() => createEnvelope([])).toThrow('at least one master key');
  });
});
