import { redactText } from '@sallyport/chassis/log';
import type { Condition, Finding } from '@sallyport/custom-resources';
import { fails, holds, unknown } from '../checks/findings.ts';

/** What of a Deployment is looked at. */
export type DeploymentState = {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly conditions?: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[] };
};

type ContainerState = {
  readonly running?: object;
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: { readonly reason?: string; readonly message?: string; readonly exitCode?: number };
};

/** What of a pod is looked at. */
export type PodState = {
  readonly metadata: { readonly deletionTimestamp?: string; readonly creationTimestamp?: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
};

type ContainerStatus = {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
};

const STARTING = new Set(['ContainerCreating', 'PodInitializing']);
const MAX_LINE = 200;

/** Condition `Deployed`, by what the cluster says. */
export function deployed(deployment: DeploymentState | undefined, pods: readonly PodState[]): Finding {
  const starting = unknown('Deployed', 'Starting', 'The pod is being started.');
  if (deployment === undefined) return starting;
  const failure = deployment.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (failure !== undefined)
    return fails('Deployed', 'PodRefused', `The cluster refuses the pod: ${line(failure.message)}`);
  if (deployment.spec?.replicas === 0) return holds('Deployed', 'Idle', 'It is stopped until it is called.');
  const pod = newest(pods);
  if (pod === undefined) return starting;
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled !== undefined) return fails('Deployed', 'Unschedulable', line(unscheduled.message));
  const probe = pod.status?.initContainerStatuses?.[0];
  const server = pod.status?.containerStatuses?.find(({ name }) => name === 'server');
  const probing = probe?.state?.waiting;
  if (probing?.reason !== undefined && !STARTING.has(probing.reason)) {
    return fails(
      'Deployed',
      word(probing.reason),
      `The probe does not start: ${line(probing.message ?? probing.reason)}`,
    );
  }
  const waiting = server?.state?.waiting;
  const ended = server?.state?.terminated ?? server?.lastState?.terminated;
  if (waiting?.reason !== undefined && !STARTING.has(waiting.reason)) {
    const last = ended?.message === undefined ? '' : ` Its last words: ${line(ended.message)}`;
    const why = waiting.reason === 'CrashLoopBackOff' ? endedText(ended) : line(waiting.message ?? waiting.reason);
    return fails('Deployed', word(waiting.reason), `${why}${last}`);
  }
  if (server?.state?.running !== undefined) return holds('Deployed', 'Running', 'Its pod runs.');
  if (server?.state?.terminated !== undefined) return unknown('Deployed', 'Restarting', endedText(ended));
  return starting;
}

/** Condition `EgressEnforced`, by what the probe in the pod found. Only a probe that reached the proxy proves anything. */
export function egressEnforced(pods: readonly PodState[], before: Finding | undefined): Finding {
  const type = 'EgressEnforced';
  const said = newest(pods)?.status?.initContainerStatuses?.find(({ name }) => name === 'egress-probe');
  const message = (said?.state?.terminated ?? said?.lastState?.terminated)?.message;
  if (message === undefined) {
    // What was found out when it last ran says so, and nothing of a pod that is not there.
    if (before === undefined || before.status === 'Unknown') return NOT_PROBED;
    const [reason, found] =
      before.status === 'True'
        ? ['ProbedBefore', 'reached the proxy and nothing else that it tried']
        : [before.reason, 'reached what it should not'];
    return { type, status: before.status, reason, message: `Its last pod ${found}; the next one tries again.` };
  }
  const { open, proxy } = readProbe(message);
  if (open.length > 0) {
    const places = open.slice(0, 5).join(', ').slice(0, 300);
    return fails(
      type,
      'NotEnforced',
      `The pod reached ${places} beside the proxy: this cluster does not enforce NetworkPolicies.`,
    );
  }
  if (!proxy) return unknown(type, 'ProxyUnreachable', 'The pod did not reach the proxy, so that nothing was proved.');
  return holds(type, 'Probed', 'The pod reached the proxy and nothing else that it tried.');
}

/** Condition `EgressEnforced` of a server of which no pod has run. */
export const NOT_PROBED: Finding = unknown('EgressEnforced', 'NotProbed', 'No pod has tried yet what it can reach.');

/** `Deployed` of a server that may run only where egress is enforced: False where that was not proved. */
export function onlyEnforced(deployed: Finding, enforced: Finding): Finding {
  if (enforced.status === 'True') return deployed;
  // What keeps the probe itself from trying is told first.
  if (enforced.reason === NOT_PROBED.reason && deployed.status === 'False') return deployed;
  const [reason, why] =
    enforced.status === 'False' ? ['EgressNotEnforced', 'is not'] : ['EgressNotProved', 'may not be'];
  return fails('Deployed', reason, `It is not started where egress ${why} enforced: ${enforced.message}`);
}

function newest(pods: readonly PodState[]): PodState | undefined {
  return pods
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))[0];
}

function readProbe(text: string): { open: string[]; proxy: boolean } {
  try {
    const { open, proxy } = JSON.parse(text) as { open?: unknown; proxy?: unknown };
    if (Array.isArray(open)) return { open: open.filter((one) => typeof one === 'string'), proxy: proxy === true };
  } catch {
    // Said below: nothing was proved.
  }
  return { open: [], proxy: false };
}

function endedText(ended: ContainerState['terminated']): string {
  const how = ended?.reason === 'OOMKilled' ? 'it took more memory than it may' : `exit code ${ended?.exitCode ?? '?'}`;
  return `It ends again and again: ${how}.`;
}

/** The last line of a text that strangers wrote, short and without what looks like a secret. */
function line(text: string): string {
  const last = text.trim().split('\n').at(-1) ?? '';
  const plain = last.replace(/[^\x20-\x7e]/g, '?');
  return redactText(plain.length > MAX_LINE ? `${plain.slice(0, MAX_LINE)}…` : plain);
}

function word(reason: string): string {
  return /^[A-Z][A-Za-z0-9]{0,63}$/.test(reason) ? reason : 'NotRunning';
}
