import { describe, expect, it } from '@jest/globals';
import { asGatewayError } from '../errors.ts';
import { type GuardOptions, urlGuard } from './guard.ts';

const verdict = (url: string, options: GuardOptions = {}) => {
  try {
    urlGuard(options).check(url);
    return 'ok';
  } catch (error) {
    return asGatewayError(error).code;
  }
};

const resolved = (host: string, addresses: string[], options: GuardOptions = {}) =>
  new Promise<string>((resolve) => {
    const guard = urlGuard({
      ...options,
      lookup: (_host, _options, done) =>
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        ),
    });
    guard.lookup(host, { all: true }, (error, found) =>
      resolve(error === null ? JSON.stringify(found) : asGatewayError(error).code),
    );
  });

describe('[chassis:ssrf] the guard', () => {
  it.each([
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:pw@example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0/',
    'https://10.0.0.1/',
    'https://172.16.3.4/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://224.0.0.1/',
    'https://metadata.google.internal/',
    'https://metadata.google.internal./',
  ])('refuses %s', (url) => expect(verdict(url)).toBe('permission_denied'));

  it.each(['https://example.com/x', 'https://8.8.8.8/', 'https://[2606:4700::1111]/'])('lets %s pass', (url) =>
    expect(verdict(url)).toBe('ok'),
  );

  it('takes what is no URL for an invalid request', () => expect(verdict('example')).toBe('invalid_request'));

  it('allows private addresses for all hosts or for some, http where said', () => {
    expect(verdict('http://127.0.0.1:1/', { allowPrivate: true, allowHttp: true })).toBe('ok');
    expect(verdict('https://10.1.2.3/', { allowHosts: ['10.1.2.3'] })).toBe('ok');
    expect(verdict('https://10.1.2.4/', { allowHosts: ['10.1.2.3'] })).toBe('permission_denied');
  });

  it.each(['https://169.254.169.254/', 'https://[fd00:ec2::254]/', 'https://100.100.100.200/', 'https://[fe80::1]/'])(
    'refuses %s whatever is allowed',
    (url) => expect(verdict(url, { allowPrivate: true, allowHosts: ['169.254.169.254'] })).toBe('permission_denied'),
  );

  it.each<[string, string[], GuardOptions, string]>([
    ['evil.example', ['10.0.0.1'], {}, 'permission_denied'],
    ['evil.example', ['93.184.216.34', '127.0.0.1'], {}, 'permission_denied'],
    ['evil.example', ['::ffff:169.254.169.254'], { allowPrivate: true }, 'permission_denied'],
    ['tools.svc', ['10.0.0.1'], { allowHosts: ['*.svc'] }, '[{"address":"10.0.0.1","family":4}]'],
    ['tools.svc.evil.example', ['10.0.0.1'], { allowHosts: ['*.svc'] }, 'permission_denied'],
    ['xsvc', ['10.0.0.1'], { allowHosts: ['*.svc'] }, 'permission_denied'],
    ['ok.example', ['93.184.216.34'], {}, '[{"address":"93.184.216.34","family":4}]'],
  ])('judges the addresses of %s, %j', async (host, addresses, options, outcome) => {
    expect(await resolved(host, addresses, options)).toBe(outcome);
  });
});
