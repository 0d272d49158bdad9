import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A transit engine on the real wire: one aes256-gcm96 key with versions. */
export interface FakeTransit {
  readonly url: string;
  /** The token that it takes. */
  readonly token: string;
  /** How often each operation was asked for, by its name. */
  readonly asked: Map<string, number>;
  /** Makes a new version of the key; answers its number. */
  rotate(): number;
  /** While true, every request is answered with 503, as a sealed engine does. */
  sealed: boolean;
  close(): Promise<void>;
}

/** Starts one with the key `sallyport` at `/v1/transit`. */
export async function startFakeTransit(): Promise<FakeTransit> {
  const versions: Buffer[] = [randomBytes(32)];
  const asked = new Map<string, number>();
  const server = createServer(async (req, res) => {
    const answer = (status: number, body: object) => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (fake.sealed) return answer(503, { errors: ['Vault is sealed'] });
    if (req.headers['x-vault-token'] !== fake.token) return answer(403, { errors: ['permission denied'] });
    const [, operation = ''] = /^\/v1\/transit\/(\w+)\/sallyport$/.exec(req.url ?? '') ?? [];
    asked.set(operation, (asked.get(operation) ?? 0) + 1);
    try {
      if (req.method === 'GET' && operation === 'keys') {
        return answer(200, { data: { latest_version: versions.length, min_decryption_version: 1 } });
      }
      const body = (await bodyOf(req)) as Record<string, string> & { key_version?: number };
      const aad = Buffer.from(body.associated_data ?? '', 'base64');
      if (operation === 'encrypt') {
        const version = body.key_version ?? versions.length;
        const nonce = randomBytes(12);
        const cipher = createCipheriv('aes-256-gcm', versions[version - 1] as Buffer, nonce).setAAD(aad);
        const sealed = Buffer.concat([nonce, cipher.update(body.plaintext ?? '', 'base64'), cipher.final()]);
        const text = Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64');
        return answer(200, { data: { ciphertext: `vault:v${version}:${text}`, key_version: version } });
      }
      if (operation === 'decrypt') {
        const [, version = '', text = ''] = /^vault:v(\d+):(.+)$/.exec(body.ciphertext ?? '') ?? [];
        const sealed = Buffer.from(text, 'base64');
        const key = versions[Number(version) - 1] as Buffer;
        const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(aad);
        cipher.setAuthTag(sealed.subarray(-16));
        const plain = Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]);
        return answer(200, { data: { plaintext: plain.toString('base64') } });
      }
      answer(404, { errors: [] });
    } catch {
      answer(400, { errors: ['invalid ciphertext: unable to decrypt'] });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fake: FakeTransit = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'hvs.fake-transit-token',
    asked,
    rotate: () => versions.push(randomBytes(32)),
    sealed: false,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
