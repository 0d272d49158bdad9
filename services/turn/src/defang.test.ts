import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from './canonical-json.ts';
import { defangArguments } from './defang.ts';
import { fillArguments, type ResolveHandle } from './handle-fill.ts';
import { untrusted } from './label.ts';
import { findLinks, hostIsAmong } from './links.ts';

const ID = `h_${'A'.repeat(22)}`;
const label = untrusted('tool:mail');
const KNOWN = new Set(['good.example']);

function sent(args: JsonValue, value: string, doubtful = false) {
  const resolve: ResolveHandle = () => ({ value, label });
  const filled = fillArguments(args, resolve);
  return defangArguments(filled.value, {
    filled: filled.filled,
    known: (host) => hostIsAmong(host, KNOWN),
    doubtful: () => doubtful,
  });
}

describe('links out of untrusted values in the content of a call', () => {
  it.each([
    ['see https://evil.com/x?a=1.', 'see hxxps://evil[.]com/x?a=1.'],
    ['see HTTP://evil.com:8080', 'see hxxp://evil[.]com:8080'],
    ['see www.evil.com/a', 'see www[.]evil[.]com/a'],
    ['see evil.com/a now', 'see evil[.]com/a now'],
    ['see //evil.com/a now', 'see //evil[.]com/a now'],
    ['see https:\\\\evil.com', 'see hxxps:\\\\evil[.]com'],
    ['see https:evil.com', 'see hxxps:evil[.]com'],
    ['see ftp://evil.com/x', 'see ftp[:]//evil[.]com/x'],
    ['![i](https://evil.com/p.png)', '![i](hxxps://evil[.]com/p.png)'],
    ['<img src="https://evil.com/p.png">', '<img src="hxxps://evil[.]com/p.png">'],
    ['<img src="https&#58;//evil&period;com/p">', '<img src="hxxps://evil[.]com/p">'],
    ['[a](javascript:alert(1))', '[a](javascript[:]alert(1))'],
    ['https://good.example@evil.com/ and', 'hxxps://good[.]example@evil[.]com/ and'],
    ['https://evil.com/ https://evil.org/', 'hxxps://evil[.]com/ hxxps://evil[.]org/'],
  ])('[turn:defang] %s is sent as %s', (value, expected) => {
    expect(sent({ body: `${ID}` }, value).value).toEqual({ body: expected });
    expect(sent({ body: `Ann says: ${ID}` }, value).value).toEqual({ body: `Ann says: ${expected}` });
    expect(sent({ body: `{"a":["${ID} !"]}` }, value).count).toBeGreaterThan(0);
  });

  it.each([
    ['a host that is known', 'see https://good.example/x and www.good.example/y'],
    ['an address', 'write to ann@evil.com'],
    ['a file', 'see report.final.txt'],
    ['words with a slash', 'and/or, 1/2, a.m./p.m.'],
    ['a time', 'at 10:30: lunch'],
  ])('[turn:defang-known] leaves %s', (_name, value) => {
    expect(sent({ body: `Hi ${ID}` }, value)).toEqual({ value: { body: `Hi ${value}` }, count: 0 });
  });

  it('[turn:defang-destination] leaves an argument that is one link: rules decide on destinations', () => {
    expect(sent({ to: ID }, 'https://evil.com/x')).toEqual({ value: { to: 'https://evil.com/x' }, count: 0 });
    expect(sent({ to: ID }, 'www.evil.com')).toEqual({ value: { to: 'www.evil.com' }, count: 0 });
  });

  it("[turn:defang-own] leaves the model's own links beside a handle, but not one that a value is part of", () => {
    const args = { body: `https://mine.example/a and https://theirs.example/?q=${ID}` };
    expect(sent(args, 'secret')).toEqual({
      value: { body: 'https://mine.example/a and hxxps://theirs[.]example/?q=secret' },
      count: 1,
    });
    expect(sent({ body: 'see https://mine.example/a' }, '').count).toBe(0);
    expect(sent({ body: 'see https://mine.example/a' }, '', true).count).toBe(1);
  });

  it('counts what it made inert', () => {
    expect(sent({ a: `x ${ID}`, b: [`y ${ID}`] }, 'www.a.example and b.example/c').count).toBe(4);
  });

  it('[turn:defang-bounded] stays quick on long hostile text', () => {
    for (const part of ['https://', 'www.', 'a.', '//', 'a.b/', 'https:(', '&#58;', '&']) {
      const start = process.cpuUsage();
      findLinks(part.repeat(50_000));
      sent({ body: `x ${ID}` }, part.repeat(50_000));
      expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
    }
  });

  it('reads a host as a browser does', () => {
    const hosts = (text: string) => findLinks(text).map((one) => one.host);
    expect(hosts('https://EVIL.com./ http://a:b@x.org:80/p //ⓔvil.com/ https://ⓔvil.com https://%65vil.com')).toEqual([
      'evil.com',
      'x.org',
      'evil.com',
      'evil.com',
      'evil.com',
    ]);
    expect(hostIsAmong('docs.acme.example', new Set(['*.acme.example']))).toBe(true);
    expect(hostIsAmong('evilacme.example', new Set(['*.acme.example']))).toBe(false);
  });
});
