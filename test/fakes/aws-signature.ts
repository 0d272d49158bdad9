import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { RecordedRequest } from './listening.ts';

/** Keys that a fake of AWS knows. */
export interface FakeAwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** SHA-256 as AWS's own signer wants it. */
class Sha256 {
  #hash: Hash | Hmac;
  readonly #secret: Uint8Array | string | undefined;

  constructor(secret?: Uint8Array | string) {
    this.#secret = secret;
    this.#hash = this.#made();
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#made();
  }

  #made(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
  }
}

/** Why AWS would refuse a call: its signature is made anew with AWS's own signer. Undefined: it would not. */
export async function signatureFault(
  request: RecordedRequest,
  keys: FakeAwsKeys,
  service: string,
): Promise<string | undefined> {
  const { authorization = '', ...given } = request.headers;
  const said =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=[0-9a-f]{64}$/.exec(
      authorization,
    );
  if (said === null) return 'Missing Authentication Token';
  const [, accessKeyId, , region = '', signedService, names = ''] = said;
  const isKnown = accessKeyId === keys.accessKeyId && given['x-amz-security-token'] === keys.sessionToken;
  if (!isKnown || signedService !== service) return 'The security token included in the request is invalid.';
  const time = given['x-amz-date']?.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z') ?? '';
  const signingDate = new Date(time);
  if (!(Math.abs(Date.now() - signingDate.getTime()) < 300_000)) return 'Signature expired';
  const signed = names.split(';');
  for (const name of ['host', 'x-amz-date', 'content-type'])
    if (!signed.includes(name)) return `The header ${name} must be signed.`;
  const signer = new SignatureV4({ service, region, credentials: keys, sha256: Sha256 as never, applyChecksum: false });
  const url = new URL(request.path, `http://${given.host}`);
  const expected = await signer.sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(signed.map((name) => [name, given[name] ?? ''])),
      body: request.body,
    },
    { signingDate },
  );
  const signatureOf = (header: string) => header.split('Signature=')[1];
  return signatureOf(expected.headers.authorization ?? '') === signatureOf(authorization)
    ? undefined
    : 'The request signature we calculated does not match the signature you provided.';
}
