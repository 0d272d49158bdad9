import { GatewayError } from '@sallyport/chassis/errors';
import type { Component } from '@sallyport/chassis/process';
import type { Finding, HostedServerSpec, Secret } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';
import type { Instance } from './objects.ts';

/** Runs the tool servers that are declared as hosted, or says why not. */
export interface Hosting extends Component {
  /**
   * Makes what a hosted server needs as its resource says, and tells how it is: `Deployed` and `EgressEnforced`. `secrets`
   * changes when a value in its environment does.
   */
  reconcile(entry: Entry<'ToolServer'>, hosted: HostedServerSpec, secrets: string): Promise<readonly Finding[]>;
  /** Makes the pod of one principal where it is not there; gives its name. Throws GatewayError. */
  startPod(entry: Entry<'ToolServer'>, hosted: HostedServerSpec, secrets: string, instance: Instance): Promise<string>;
  /** Why what a resource asks for is more than may be had here; undefined: it is not. */
  beyond(hosted: HostedServerSpec): string | undefined;
  /** Why a value of a Secret may not stand in the environment of a hosted server; undefined: it may. */
  withheld(tenant: string, secret: Secret): string | undefined;
  /** The resource is no longer hosted, or may not be run. Called again whenever something of it changed: its fence goes last. */
  release(entry: Entry<'ToolServer'>): Promise<void>;
  /** Takes away the fences of earlier resources of a name behind which nothing stands; `uid` is of the one that there is. */
  sweep(tenant: string, name: string, uid: string | undefined): Promise<void>;
  /** Resources, of now or earlier, that have a fence. */
  fenced(): readonly { readonly tenant: string; readonly name: string }[];
  /** Calls back when something of a hosted server changed. */
  onChange(listener: (tenant: string, name: string) => void): void;
}

const unbounded = {
  beyond: () => undefined,
  withheld: () => undefined,
  release: async () => undefined,
  sweep: async () => undefined,
  fenced: () => [],
};
const noPods = async () => {
  throw new GatewayError('unavailable', 'There is no cluster here to make pods in.');
};

/** Where there is no cluster: child processes of mcp-host. */
export function folderHosting(): Hosting {
  return {
    ...unbounded,
    name: 'hosting',
    startPod: noPods,
    async reconcile(_, hosted) {
      const unsandboxed = 'It runs as a child process on this machine, without a sandbox; its image is not used.';
      return [
        hosted.command === undefined
          ? {
              type: 'Deployed',
              status: 'False',
              reason: 'CommandMissing',
              message: 'Without a cluster no image is used: hosted.command must say what is run.',
            }
          : hosted.requireEgressEnforced
            ? {
                type: 'Deployed',
                status: 'False',
                reason: 'EgressNotEnforced',
                message:
                  'It is not started where egress is not enforced, and nothing holds a child process to the proxy.',
              }
            : { type: 'Deployed', status: 'True', reason: 'Unsandboxed', message: unsandboxed },
        {
          type: 'EgressEnforced',
          status: 'False',
          reason: 'Unsandboxed',
          message: 'The proxy is in its environment, and nothing holds a child process to it.',
        },
      ];
    },
    onChange: () => undefined,
  };
}

/** Where hosting is not enabled. */
export function noHosting(): Hosting {
  const message = 'Hosted tool servers are not enabled here: toolServers.hosted.enabled of the chart is false.';
  return {
    ...unbounded,
    name: 'hosting',
    startPod: noPods,
    reconcile: async () => [
      { type: 'Deployed', status: 'False', reason: 'HostingDisabled', message },
      { type: 'EgressEnforced', status: 'Unknown', reason: 'HostingDisabled', message },
    ],
    onChange: () => undefined,
  };
}
