import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';

/** Token endpoints of Google and Microsoft, and the credentials that they take. */
export interface FakeTokens {
  /** The key file of a service account. */
  readonly account: Readonly<Record<string, string>>;
  readonly application: { readonly tenantId: string; readonly clientId: string; readonly clientSecret: string };
  /** How often a token was given. */
  issued(): number;
  /** Answers a form; undefined for a path that is none of theirs. */
  answer(path: string, form: URLSearchParams): Promise<{ status: number; body: object } | undefined>;
  /** Whether a token is good for one of the two. */
  isGood(token: string, of: 'google' | 'azure'): boolean;
  /** Makes all tokens so far worthless. */
  revoke(): void;
}

const SCOPES = ['https://cognitiveservices.azure.com/.default', 'https://ai.azure.com/.default'];

/** Makes them. `urlOf` is where the endpoints are, which assertions must be for. */
export function fakeTokens(urlOf: () => string): FakeTokens {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const account = accountWith(privateKey);
  const application = { tenantId: 'acme.example', clientId: 'gateway-app', clientSecret: 'application-secret-canary' };
  const good = new Map<string, 'google' | 'azure'>();
  let issued = 0;
  const give = (of: 'google' | 'azure', form: object) => {
    const access_token = `${of}-token-${++issued}`;
    good.set(access_token, of);
    return { status: 200, body: { access_token, token_type: 'Bearer', ...form } };
  };

  const google = async (form: URLSearchParams) => {
    const refuse = (error_description: string) => ({
      status: 400,
      body: { error: 'invalid_grant', error_description },
    });
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return refuse('Bad grant type.');
    try {
      const { payload } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
        algorithms: ['RS256'],
        issuer: account.client_email as string,
        audience: `${urlOf()}/google/token`,
        maxTokenAge: '1h',
      });
      if (payload.scope !== 'https://www.googleapis.com/auth/cloud-platform') return refuse('Bad scope.');
      return give('google', { expires_in: 3599 });
    } catch (error) {
      return refuse(String(error));
    }
  };
  const azure = async (form: URLSearchParams) => {
    const isRight =
      form.get('grant_type') === 'client_credentials' &&
      form.get('client_id') === application.clientId &&
      form.get('client_secret') === application.clientSecret &&
      SCOPES.includes(form.get('scope') ?? '');
    if (isRight) return give('azure', { expires_in: 3599, ext_expires_in: 3599 });
    return {
      status: 401,
      body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret.' },
    };
  };

  return {
    account,
    application,
    issued: () => issued,
    async answer(path, form) {
      if (path === '/google/token') return await google(form);
      return path === '/azure/token' ? await azure(form) : undefined;
    },
    isGood: (token, of) => good.get(token) === of,
    revoke: () => good.clear(),
  };
}

function accountWith(key: KeyObject): Readonly<Record<string, string>> {
  return {
    type: 'service_account',
    project_id: 'acme',
    private_key_id: 'k1',
    private_key: String(key.export({ type: 'pkcs8', format: 'pem' })),
    client_email: 'gateway@acme.iam.gserviceaccount.com',
    token_uri: 'https://elsewhere.example/token',
  };
}
