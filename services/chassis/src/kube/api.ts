import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';

/** A refusal of the API server. */
export class KubeError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** Machine-readable cause, such as `Conflict`, `Invalid`, `Expired`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'KubeError';
    this.status = status;
    this.reason = reason;
  }
}

/** What is asked of the API server. */
export type KubeRequest = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** Default 10,000. */
  readonly timeoutMs?: number;
};

/**
 * The API server over plain HTTP with the credentials of a kubeconfig. The generated client of the package is not used:
 * its serializers drop fields that its version does not know, and it can neither page a watch nor ask for bookmarks.
 */
export interface KubeApi {
  /** Sends a request and reads the JSON answer. Rejects with KubeError for a refusal, another Error for a lost connection. */
  request(request: KubeRequest): Promise<unknown>;
  /** Streams a watch line by line until the server ends it. `timeoutMs` bounds it as a whole. */
  watch(request: KubeRequest, onLine: (line: string) => void): Promise<void>;
}

/** Connects by a kubeconfig file, or by the pod's service account (token and CA are read again when they change). */
export function kubeApi(kubeconfigFile: string | undefined, userAgent = 'sallyport-operator'): KubeApi {
  const config = new KubeConfig();
  if (kubeconfigFile === undefined) config.loadFromCluster();
  else config.loadFromFile(kubeconfigFile);
  const server = new URL(config.getCurrentCluster()?.server ?? 'https://kubernetes.default.svc');
  // Watches hold a socket each: they must not use up those of the requests.
  const agents = { request: new Agent({ keepAlive: true, maxSockets: 8 }), watch: new Agent({ keepAlive: true }) };

  const open = async (wanted: KubeRequest, agent: Agent): Promise<IncomingMessage> => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const url = new URL(server);
    url.pathname = `${server.pathname.replace(/\/$/, '')}${wanted.path}`;
    for (const [name, value] of Object.entries(wanted.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const body = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
    const headers = {
      ...options.headers,
      // The keys of service accounts come as what they are, and as nothing else since 1.34.
      accept: 'application/json, application/jwk-set+json;q=0.5',
      'user-agent': userAgent,
      // Node states no length of the body of a DELETE: the server would read it as the next request of the connection.
      ...(body === undefined
        ? {}
        : {
            'content-type': wanted.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
    };
    const secure = url.protocol === 'https:';
    const send = secure ? httpsRequest : httpRequest;
    const timeout = AbortSignal.timeout(Math.ceil(wanted.timeoutMs ?? 10_000));
    const signal = wanted.signal === undefined ? timeout : AbortSignal.any([wanted.signal, timeout]);
    return new Promise((resolve, reject) => {
      const method = wanted.method ?? 'GET';
      const request = send(url, { ...options, headers, method, signal, ...(secure ? { agent } : {}) });
      request.once('response', resolve);
      request.once('error', reject);
      request.end(body);
    });
  };

  return {
    async request(wanted) {
      const response = await open(wanted, agents.request);
      const text = await textOf(response);
      if ((response.statusCode ?? 500) >= 300) throw refusal(response.statusCode ?? 500, text);
      return text === '' ? undefined : JSON.parse(text);
    },
    async watch(wanted, onLine) {
      const response = await open({ ...wanted, query: { ...wanted.query, watch: true } }, agents.watch);
      if (response.statusCode !== 200) throw refusal(response.statusCode ?? 500, await textOf(response));
      let failed: Error | undefined;
      response.once('error', (error) => {
        failed = error;
      });
      try {
        for await (const line of createInterface(response)) if (line !== '') onLine(line);
      } finally {
        response.destroy();
      }
      if (failed !== undefined) throw failed;
    },
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, text: string): KubeError {
  try {
    const { reason, message } = JSON.parse(text) as { reason?: string; message?: string };
    return new KubeError(status, reason ?? '', message ?? `The API server answered ${status}`);
  } catch {
    return new KubeError(status, '', `The API server answered ${status}`);
  }
}
