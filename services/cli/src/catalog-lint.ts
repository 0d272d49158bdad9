import type { Resource } from '@sallyport/custom-resources';
import { matchesGlob } from '@sallyport/custom-resources/glob';
import { reviewedDigests } from '@sallyport/custom-resources/tool-server-pins';

type Of<K extends Resource['kind']> = Extract<Resource, { readonly kind: K }>;

/** A remark: it may be meant so. */
export interface Remark {
  readonly path: string;
  readonly message: string;
}

/** What a Toolset asks for that its ToolServers, as they are written, do not give, and a name that a ToolServer has too. */
export function toolsetRemarks({ metadata, spec }: Of<'Toolset'>, all: readonly Resource[]): Remark[] {
  const servers = all.filter(
    (one): one is Of<'ToolServer'> => one.kind === 'ToolServer' && one.metadata.namespace === metadata.namespace,
  );
  const remarks = spec.tools.flatMap(({ server: name, tool }, index): Remark[] => {
    const server = servers.find((one) => one.metadata.name === name);
    const declared = server?.spec.tools.filter((one) => matchesGlob(tool, one.name)) ?? [];
    const taken = !tool.includes('*') && declared.some(({ enabled }) => !enabled);
    return [
      ...(taken
        ? [{ path: `spec.tools[${index}]`, message: `${name}/${tool} is not enabled: nothing is picked` }]
        : []),
      ...(server?.spec.stage === 'Sandbox'
        ? [
            {
              path: `spec.tools[${index}]`,
              message: `ToolServer ${name} is in stage Sandbox: only its reviewers see this`,
            },
          ]
        : []),
    ];
  });
  const namesake = servers.some((one) => one.metadata.name === metadata.name);
  return namesake
    ? [...remarks, { path: 'metadata.name', message: 'a ToolServer has this name: server_label means that one' }]
    : remarks;
}

/** What a reviewed ToolServer does not offer yet. */
export function stageRemarks({ spec }: Of<'ToolServer'>): Remark[] {
  const waits = spec.stage === 'Live' && spec.reviewers !== undefined && reviewedDigests(spec).size === 0;
  return waits
    ? [
        {
          path: 'spec.tools',
          message: 'no definition is named by its digest, so none is offered: see sallyport promote',
        },
      ]
    : [];
}
