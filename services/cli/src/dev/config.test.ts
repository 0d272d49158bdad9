import { describe, expect, it } from '@jest/globals';
import { configOf, merged, type SuiteFacts } from './config.ts';
import { expanded } from './resources.ts';
import { type Instance, services } from './topology.ts';

const instance = (name: string, grpc: number, replica = ''): Instance => {
  const shape = services.find((service) => service.name === name);
  if (shape === undefined) throw new Error(name);
  return { name: name + replica, shape, ports: { admin: 1, grpc, ...(shape.http ? { http: 2 } : {}) } };
};
const facts = (instances: Instance[]): SuiteFacts => ({
  data: '/data',
  endpoint: 'http://127.0.0.1:4180',
  resources: '/data/resources',
  generated: '/data/generated',
  certificates: '/data/certificates',
  secrets: {
    text: (name) => `/data/secrets/${name}`,
    keys: (name) => `/data/secrets/${name}`,
    signingKeys: (name) => `/data/secrets/${name}`,
    value: () => 'v',
  },
  postgres: { host: '127.0.0.1', port: 5 },
  instances,
});

describe('configOf', () => {
  it('puts all processes of a peer into one target', () => {
    const own = instance('console', 3);
    const config = configOf(own, facts([own, instance('audit', 10), instance('audit', 11, '-2')]));
    expect((config.peers as Record<string, string>).audit).toBe('ipv4:127.0.0.1:10,127.0.0.1:11');
  });

  it('gives each process of a service a spool of its own', () => {
    const config = configOf(instance('model-proxy', 3, '-2'), facts([]));
    expect(config.spoolDir).toBe('/data/spool/model-proxy-2');
  });
});

describe('merged', () => {
  it('lays objects into each other and replaces the rest', () => {
    expect(merged({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: 3 }, d: [] })).toEqual({ a: { b: 3, c: 2 }, d: [] });
  });
});

describe('expanded', () => {
  it('replaces what it knows and leaves the rest', () => {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the placeholders of resource files look like this.
    expect(expanded('${demo.url}/x ${other} $', { 'demo.url': 'http://h' })).toBe('http://h/x ${other} $');
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above.
  });
});
