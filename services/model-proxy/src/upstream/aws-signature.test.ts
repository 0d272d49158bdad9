import { describe, expect, it } from '@jest/globals';
import { signAws } from './aws-signature.ts';

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const scope = { region: 'us-east-1', service: 'service', now: new Date('2015-08-30T12:36:00Z') };
const sign = (method: string, path: string, more: object = {}) =>
  signAws(
    { method, url: new URL(`https://example.amazonaws.com${path}`), headers: {}, body: '' },
    { ...keys, ...more },
    scope,
  );

describe('a signature for AWS', () => {
  it.each([
    ['GET', '/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['POST', '/', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    ['GET', '/?Param2=value2&Param1=value1', 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'],
  ])('[clouds:sigv4] of %s %s is that of the published examples', (method, path, signature) => {
    expect(sign(method, path).authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
        `SignedHeaders=host;x-amz-date, Signature=${signature}`,
    );
  });

  it('[clouds:sigv4] covers the token of temporary keys, the type of the body and the body, and nothing that others add', () => {
    const headers = sign('POST', '/', { sessionToken: 'session' });
    expect(headers).toMatchObject({ 'x-amz-date': '20150830T123600Z', 'x-amz-security-token': 'session' });
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
    const url = new URL('https://example.amazonaws.com/model/a%3A0/converse');
    const signed = (body: string, type: string) =>
      signAws({ method: 'POST', url, headers: { 'content-type': type }, body }, keys, scope).authorization;
    const other = { 'content-type': 'text/plain', 'user-agent': 'x' };
    expect(signAws({ method: 'POST', url, headers: other, body: '{}' }, keys, scope).authorization).toBe(
      signed('{}', 'text/plain'),
    );
    const all = [signed('{}', 'application/json'), signed('{ }', 'application/json'), signed('{}', 'text/plain')];
    expect(new Set(all).size).toBe(3);
  });
});
