import type { Attach } from '@sallyport/chassis/kube/attach';
import type { Pipe, PipeListener } from '../stdio/pipe.ts';

/** A pod in which a server runs. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
}

/** Name of the container of a hosted server in its pod. */
export const CONTAINER = 'server';

/**
 * Takes hold of the process of a pod through the API server. The container has `stdinOnce`: letting go ends its standard
 * input, so that no process ever talks to two sessions; what then does not end goes with its pod.
 */
export async function openAttached(
  attach: Attach,
  pod: Pod,
  remove: (pod: Pod) => Promise<void>,
  listener: PipeListener,
  signal: AbortSignal,
): Promise<Pipe> {
  let gone = false;
  const attachment = await attach({
    namespace: pod.namespace,
    pod: pod.name,
    container: CONTAINER,
    onData: listener.onData,
    onEnd(reason) {
      gone = true;
      listener.onEnd(reason);
    },
    signal,
  });
  return {
    write: (data) => attachment.write(data),
    end() {
      attachment.close();
      if (gone) return;
      gone = true;
      void remove(pod).catch(() => undefined);
    },
  };
}
