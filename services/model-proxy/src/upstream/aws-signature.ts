import { createHmac, hash } from 'node:crypto';

/** Keys of an AWS principal; `sessionToken` where they are temporary. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What is signed. Names of headers are in lower case; `host` is that of the URL. */
export interface SignedCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Signs a call with AWS Signature Version 4 and returns the headers to add. Of those given, the type of the content and Amazon's
 * own are signed; the path is, as every service but S3 has it, encoded once more (docs.aws.amazon.com/IAM, "Create a signed AWS API request").
 */
export function signAws(
  { method, url, headers, body }: SignedCall,
  keys: AwsKeys,
  { region, service, now }: { readonly region: string; readonly service: string; readonly now: Date },
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const added: Record<string, string> = {
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  };
  // Others may be changed on the way, which would void the signature.
  const own = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amz'));
  const all = Object.entries({ ...Object.fromEntries(own), ...added, host: url.host }).sort(byFirst);
  const signed = all.map(([name]) => name).join(';');
  const canonical = [
    method,
    canonicalPath(url.pathname),
    canonicalQuery(url.searchParams),
    ...all.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    sha256(body),
  ].join('\n');
  const signature = hmac(signingKey(keys, scope), [ALGORITHM, time, scope, sha256(canonical)].join('\n')).toString(
    'hex',
  );
  const credential = `${keys.accessKeyId}/${scope}`;
  added.authorization = `${ALGORITHM} Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`;
  return added;
}

/** Keys of a day, region and service, by the digest of what they are made of; most processes need one or two. */
const signingKeys = new Map<string, Buffer>();
const MOST_KEYS = 64;

function signingKey({ secretAccessKey }: AwsKeys, scope: string): Buffer {
  const name = sha256(`${secretAccessKey}\n${scope}`);
  const known = signingKeys.get(name);
  if (known !== undefined) return known;
  const made = scope.split('/').reduce<Buffer | string>((key, part) => hmac(key, part), `AWS4${secretAccessKey}`);
  if (signingKeys.size >= MOST_KEYS) signingKeys.clear();
  signingKeys.set(name, made as Buffer);
  return made as Buffer;
}

function canonicalPath(path: string): string {
  return escaped(path).replaceAll('%2F', '/');
}

function canonicalQuery(query: URLSearchParams): string {
  const pairs = [...query].map(([name, value]): [string, string] => [escaped(name), escaped(value)]);
  return pairs
    .sort((a, b) => byFirst(a, b) || (a[1] < b[1] ? -1 : 1))
    .map((pair) => pair.join('='))
    .join('&');
}

/** Everything but the unreserved characters of RFC 3986, in percents. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function byFirst([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sha256(data: Buffer | string): string {
  return hash('sha256', data, 'hex');
}

function hmac(key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
