import { Attach as Attaching, KubeConfig } from '@kubernetes/client-node';
import { orEnded } from '../deadline.ts';

/** What a container runs, by its standard input and output. */
export interface Attachment {
  /** Writes to its standard input; resolves once the connection takes more. Rejects where it has ended. */
  write(data: Buffer): Promise<void>;
  /** Lets go of it. With `stdinOnce` its standard input ends then. */
  close(): void;
}

/** Which container, and who listens. */
export interface AttachOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly onData: (data: Buffer) => void;
  /** Called once, with why. */
  readonly onEnd: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Attaches to a container that was declared with `stdin`. */
export type Attach = (options: AttachOptions) => Promise<Attachment>;

const STDOUT = 1;
const STATUS = 3;
const PING_MS = 15_000;
const MAX_BUFFERED = 1024 * 1024;
const LOOK_MS = 20;

/** The part of a WebSocket of the package `ws` that is used here. */
interface Socket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(data: Buffer): void;
  close(): void;
  terminate(): void;
  ping(): void;
  on(event: 'pong' | 'message', listener: () => void): void;
  on(event: 'close', listener: (code: number, reason: Buffer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

/** Makes attachments by a kubeconfig file, or by the pod's service account. Needs the verb `create` on `pods/attach`. */
export function kubeAttach(kubeconfigFile: string | undefined): Attach {
  const config = new KubeConfig();
  if (kubeconfigFile === undefined) config.loadFromCluster();
  else config.loadFromFile(kubeconfigFile);
  const { handler } = new Attaching(config);

  return async ({ namespace, pod, container, onData, onEnd, signal }) => {
    signal.throwIfAborted();
    const query = new URLSearchParams({ container, stdin: 'true', stdout: 'true', stderr: 'false', tty: 'false' });
    let status = '';
    const connecting = handler.connect(
      `/api/v1/namespaces/${namespace}/pods/${pod}/attach?${query}`,
      null,
      (stream: number, data: Buffer) => {
        if (stream === STDOUT && data.length > 0) onData(data);
        else if (stream === STATUS) status = data.toString('utf8').slice(0, 1_000);
        return true;
      },
    ) as unknown as Promise<Socket>;
    // An API server that takes the connection and says nothing would else be waited for without an end.
    const socket = await orEnded(connecting, signal).catch((error: unknown) => {
      connecting.then(
        (late) => late.terminate(),
        () => undefined,
      );
      throw error;
    });
    let ended = false;
    let answered = true;
    // A node that is gone says nothing: only what is asked tells.
    const ping = setInterval(() => {
      if (!answered) return socket.terminate();
      answered = false;
      socket.ping();
    }, PING_MS);
    ping.unref();
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      clearInterval(ping);
      signal.removeEventListener('abort', abort);
      onEnd(reason);
    };
    const abort = () => socket.close();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    socket.on('pong', () => {
      answered = true;
    });
    socket.on('message', () => {
      answered = true;
    });
    socket.on('error', (error) => end(error.message));
    socket.on('close', (_code, reason) => end(messageOf(status) || reason.toString('utf8') || 'the connection ended'));
    return {
      async write(data) {
        const frame = Buffer.allocUnsafe(data.length + 1);
        frame[0] = 0;
        data.copy(frame, 1);
        if (ended) throw new Error('the process has ended');
        socket.send(frame);
        while (!ended && socket.bufferedAmount > MAX_BUFFERED) await new Promise((go) => setTimeout(go, LOOK_MS));
        if (ended) throw new Error('the process has ended');
      },
      close: () => socket.close(),
    };
  };
}

function messageOf(status: string): string {
  try {
    return (JSON.parse(status) as { message?: string }).message ?? '';
  } catch {
    return '';
  }
}
