import { stringify } from 'yaml';

/** A resource to be written: a `spec`, or for a Secret its `stringData`. */
export interface Manifest {
  readonly kind: 'Secret' | 'ModelProvider' | 'Model' | 'Limit' | 'AccessPolicy';
  readonly name: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

const FILES: Readonly<Record<Manifest['kind'], string>> = {
  Secret: 'secrets.yaml',
  ModelProvider: 'providers.yaml',
  Model: 'models.yaml',
  Limit: 'limits.yaml',
  AccessPolicy: 'access.yaml',
};

/** YAML files by name, a kind each; a kind without a resource has none. The same resources give the same bytes. */
export function filesOf(manifests: readonly Manifest[]): Map<string, string> {
  const files = new Map<string, string>();
  for (const [kind, file] of Object.entries(FILES)) {
    const documents = manifests.filter((one) => one.kind === kind).map(documentOf);
    if (documents.length > 0) files.set(file, documents.join('---\n'));
  }
  return files;
}

/** The file that holds values of Secrets. */
export const SECRETS_FILE = FILES.Secret;

function documentOf({ kind, name, spec, stringData }: Manifest): string {
  const metadata = { name };
  const resource =
    kind === 'Secret'
      ? { apiVersion: 'v1', kind, metadata, stringData }
      : { apiVersion: 'sallyport.dev/v1alpha1', kind, metadata, spec };
  return stringify(resource, { aliasDuplicateObjects: false, lineWidth: 120 });
}
