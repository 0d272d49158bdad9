import { cpuMillis, type HostedServerSpec, mebibytes, type Secret } from '@sallyport/custom-resources';
import { internalTo } from '../checks/internal-secret.ts';

/** The most that a hosted server may ask for, as its resource writes amounts, and most pods of one namespace. */
export type HostedMaximum = {
  readonly cpu: string;
  readonly memory: string;
  readonly storage: string;
  readonly podsPerNamespace: number;
};

/** On a Secret in the namespace of the release: hosted servers of that namespace may have its values. */
export const FOR_HOSTED_LABEL = 'sallyport.dev/for-hosted';

/** What of a resource is more than the maximum, for people; undefined: nothing. */
export function beyond({ resources }: HostedServerSpec, max: HostedMaximum): string | undefined {
  const more = [
    ['cpu', cpuMillis(resources.cpu) > cpuMillis(max.cpu)],
    ['memory', mebibytes(resources.memory) > mebibytes(max.memory)],
    ['storage', mebibytes(resources.storage) > mebibytes(max.storage)],
  ] as const;
  const told = more.flatMap(([name, isMore]) =>
    isMore ? [`spec.hosted.resources.${name}: ${resources[name]} is more than ${max[name]}`] : [],
  );
  return told.length === 0 ? undefined : `${told.join('; ')}, the most that a hosted server may have here`;
}

/**
 * Why a hosted server may not have the values of a Secret. Whoever may create pods in a namespace has its Secrets, so in
 * those of tenants any will do but the credentials of other hosted servers, and what Sallyport marks as its own. The namespace of the release holds the keys of
 * the gate itself, some of which no label marks: there a Secret must say that it is for hosted servers.
 */
export function withheld(secret: Secret, inRelease: boolean): string | undefined {
  const whose = internalTo(secret);
  if (whose !== undefined || !inRelease) return whose;
  return secret.metadata.labels[FOR_HOSTED_LABEL] === 'true'
    ? undefined
    : `in the namespace of the release a Secret must have the label ${FOR_HOSTED_LABEL}: "true"`;
}
