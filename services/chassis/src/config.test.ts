import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { blocks, ConfigError, durationMs, loadConfig, readSecretFile, redacted, tlsOf } from './config.ts';

const schema = z.strictObject({
  log: blocks.log,
  http: blocks.listen,
  postgres: blocks.postgres.optional(),
  peers: blocks.peers.default({}),
  wait: durationMs.prefault('5s'),
});

function file(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'config-')), 'config.yaml');
  writeFileSync(path, text);
  return path;
}

const load = (text: string, ...more: string[]) => loadConfig(schema, ['--config', file(text), ...more]);
const faults = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return (error as ConfigError).message;
  }
  return '';
};

describe('loadConfig', () => {
  it('fills in defaults and reads durations as milliseconds', () => {
    expect(load('http: {port: 80}')).toEqual({
      log: { level: 'info' },
      http: { host: '127.0.0.1', port: 80 },
      peers: {},
      wait: 5000,
    });
  });

  it.each([
    ['htpp: {port: 1}\nhttp: {port: 1}', 'htpp: unknown key; did you mean http?'],
    ['http: {port: 1, hots: x}', 'http.hots: unknown key; did you mean host?'],
    ['http: {port: 1}\npostgres: {host: h, user: u, maxConnection: 3}', 'did you mean maxConnections?'],
    ['http: {port: 1, entirelyDifferent: x}', 'known: host, port'],
    ['http: {port: 99999}', 'http.port'],
    ['http: {port: 1}\nwait: 5', 'wait'],
    ['http: {port: 1}\nwait: 5 parsecs', 'must be a duration'],
    ['http: {port: 1}\npeers: {policy: "policy:9000"}', 'peers.policy: must be a gRPC target'],
    ['http: {port: 1}\nhttp: {port: 2}', 'config.yaml'],
    ['http: [', 'config.yaml'],
  ])('refuses %j and says where', (text, message) => {
    expect(faults(() => load(text))).toContain(message);
  });

  it('tells every fault at once', () => {
    const message = faults(() => load('htp: 1\nwait: x'));
    expect(message).toContain('htp');
    expect(message).toContain('wait');
    expect(message).toContain('http');
  });

  it('lays arguments over the file', () => {
    const config = load('http: {port: 1}', '--http.port=0', '--set', 'log.level=debug', '--peers.policy=dns:///p:1');
    expect(config).toMatchObject({ http: { port: 0 }, log: { level: 'debug' }, peers: { policy: 'dns:///p:1' } });
  });

  it.each([[['--http.port']], [['stray']], [['--config']], [['--config', '/nowhere/at/all']]])('refuses %j', (argv) => {
    expect(() => loadConfig(schema, argv)).toThrow(ConfigError);
  });
});

describe('the blocks', () => {
  it('wants TLS files unless insecure is said', () => {
    const tls = { certFile: 'c', keyFile: 'k', caFile: 'a', reloadInterval: 1 };
    expect(() => tlsOf({ insecure: false })).toThrow('tls');
    expect(tlsOf({ insecure: true })).toBeUndefined();
    expect(tlsOf({ insecure: false, tls })).toBe(tls);
  });

  it('shows paths of secrets and no secrets', () => {
    expect(
      redacted({ passwordFile: '/p', password: 'x', redis: { url: 'redis://u:pw@h' }, list: [{ apiKey: 'y' }] }),
    ).toEqual({
      passwordFile: '/p',
      password: '[redacted]',
      redis: { url: 'redis://u:[redacted]@h' },
      list: [{ apiKey: '[redacted]' }],
    });
  });

  it('reads a secret without its line end and refuses an empty one', () => {
    expect(readSecretFile(file('s3cret\n'))).toBe('s3cret');
    expect(() => readSecretFile(file('\n'))).toThrow(ConfigError);
  });
});
