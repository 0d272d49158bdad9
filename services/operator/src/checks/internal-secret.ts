import type { Secret } from '@sallyport/custom-resources';
import { HOSTED_LABEL } from '@sallyport/peers/hosted-names';

/**
 * Whose a Secret is that no resource may refer to: whoever may write resources in a namespace would else send values to a host
 * of their own that are no credentials of anything there. The chart labels what it makes for itself, keys and database passwords;
 * the operator what it makes for hosted servers; Helm keeps all values of a release under a name of its own. Undefined: it may
 * be referred to.
 */
export function internalTo({ metadata: { name, labels } }: Secret): string | undefined {
  if (labels[HOSTED_LABEL] !== undefined) return 'it is the credential of a hosted server';
  if (name.startsWith('sh.helm.release.')) return 'it is what Helm keeps of a release';
  return labels['app.kubernetes.io/part-of'] === 'sallyport' ? 'it belongs to Sallyport itself' : undefined;
}
