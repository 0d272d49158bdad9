import type { Component } from '@sallyport/chassis/process';
import type { Finding, HostedServerSpec } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';

/** Runs the tool servers that are declared as hosted, or says why not. */
export interface Hosting extends Component {
  /**
   * Makes what a hosted server needs as its resource says, and tells how it is: `Deployed` and `EgressEnforced`. `secrets`
   * changes when a value in its environment does.
   */
  reconcile(entry: Entry<'ToolServer'>, hosted: HostedServerSpec, secrets: string): Promise<readonly Finding[]>;
  /** The resource is no longer hosted. */
  release(entry: Entry<'ToolServer'>): Promise<void>;
  /** Calls back when something of a hosted server changed. */
  onChange(listener: (tenant: string, name: string) => void): void;
}

/** Where there is no cluster: child processes of mcp-host. */
export function folderHosting(): Hosting {
  return {
    name: 'hosting',
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
          : { type: 'Deployed', status: 'True', reason: 'Unsandboxed', message: unsandboxed },
        {
          type: 'EgressEnforced',
          status: 'False',
          reason: 'Unsandboxed',
          message: 'The proxy is in its environment, and nothing holds a child process to it.',
        },
      ];
    },
    release: async () => undefined,
    onChange: () => undefined,
  };
}

/** Where hosting is not enabled. */
export function noHosting(): Hosting {
  const message = 'Hosted tool servers are not enabled here: toolServers.hosted.enabled of the chart is false.';
  return {
    name: 'hosting',
    reconcile: async () => [
      { type: 'Deployed', status: 'False', reason: 'HostingDisabled', message },
      { type: 'EgressEnforced', status: 'Unknown', reason: 'HostingDisabled', message },
    ],
    release: async () => undefined,
    onChange: () => undefined,
  };
}
