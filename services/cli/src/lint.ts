import {
  type Fault,
  isOurs,
  isSecret,
  type Kind,
  type ModelSpec,
  type Parsed,
  parseMetadata,
  parseResource,
  parseSecret,
  parseYaml,
  type Resource,
  routingReferences,
  secretRefs,
  type ToolPolicySpec,
  toolPolicyFaults,
} from '@sallyport/custom-resources';
import { stageRemarks, toolsetRemarks } from './catalog-lint.ts';
import { readable } from './policy/readable.ts';
import { lintToolPolicy, lintToolServer } from './policy/rule-lint.ts';

/** A file to be looked at. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What is wrong, and where; a warning may be right in a cluster that holds more than these files. */
export interface LintFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** `Kind namespace/name`; empty where there is none. */
  readonly subject: string;
  readonly path: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

interface Placed<T> {
  readonly file: string;
  readonly line: number;
  readonly value: T;
}

/**
 * Looks at resources as the operator would, all files together: YAML, schema with defaults, rules over several fields,
 * CEL of ToolPolicies, names taken twice, and references to what is not there. Documents of other API groups are left out.
 */
export function lintFiles(files: readonly SourceFile[]): LintFault[] {
  const faults: LintFault[] = [];
  const resources: Placed<Resource>[] = [];
  const secrets = new Map<string, ReadonlySet<string>>();
  for (const { path: file, text } of files) {
    for (const { line, value, faults: broken } of parseYaml(readable(text))) {
      const report = (subject: string, found: readonly Fault[]) => {
        for (const { path, message } of found) faults.push({ file, line, subject, path, message, severity: 'error' });
      };
      if (broken.length > 0) report('', broken);
      else if (isSecret(value)) {
        const secret = take(parseSecret(value), (found) => report(subjectOf(value), found));
        if (secret !== undefined) {
          const id = `${secret.metadata.namespace}/${secret.metadata.name}`;
          secrets.set(id, new Set([...(secrets.get(id) ?? []), ...secret.data.keys()]));
        }
      } else if (isOurs(value)) {
        const resource = take(parseResource(value), (found) => report(subjectOf(value), found));
        if (resource !== undefined) resources.push({ file, line, value: resource });
      }
    }
  }
  return [...faults, ...together(resources, secrets)].sort(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.path.localeCompare(b.path),
  );
}

function take<T>(parsed: Parsed<T>, report: (faults: readonly Fault[]) => void): T | undefined {
  if (parsed.ok) return parsed.value;
  report(parsed.faults);
  return undefined;
}

/** What only shows when all resources are seen side by side. */
function together(all: readonly Placed<Resource>[], secrets: ReadonlyMap<string, ReadonlySet<string>>): LintFault[] {
  const found: LintFault[] = [];
  const seen = new Map<string, string>();
  const publicNames = new Map<string, string>();
  const clientIds = new Map<string, string>();
  const everything = all.map(({ value }) => value);
  const has = (kind: Kind, namespace: string, name: string) =>
    all.some(({ value: { kind: k, metadata: m } }) => k === kind && m.namespace === namespace && m.name === name);
  const serves = (namespace: string, model: string) =>
    all.some(
      ({ value }) => value.kind === 'Model' && value.metadata.namespace === namespace && publicName(value) === model,
    );

  for (const { file, line, value } of all) {
    const { kind, metadata } = value;
    const { namespace, name } = metadata;
    const subject = `${kind} ${namespace}/${name}`;
    const say = (severity: LintFault['severity']) => (path: string, message: string) => {
      found.push({ file, line, subject, path, message, severity });
    };
    const error = say('error');
    const warning = say('warning');
    const first = seen.get(subject);
    if (first === undefined) seen.set(subject, `${file}:${line}`);
    else error('metadata.name', `stands at ${first} already`);

    if (value.kind === 'Model') {
      const id = `${namespace}/${publicName(value)}`;
      const holder = publicNames.get(id);
      if (holder === undefined) publicNames.set(id, name);
      else error('spec.publicName', `NameTaken: "${publicName(value)}" is held by Model ${holder}`);
      value.spec.targets.forEach(({ provider }, index) => {
        if (!has('ModelProvider', namespace, provider)) {
          error(`spec.targets[${index}].provider`, `there is no ModelProvider ${provider} in ${namespace}`);
        }
      });
      for (const { kind, path, name } of routingReferences(value.spec)) {
        if (!has(kind, namespace, name)) error(path, `there is no ${kind} ${name} in ${namespace}`);
      }
    }
    if (value.kind === 'ToolPolicy') {
      for (const fault of toolPolicyFaults(value.spec)) error(fault.path, fault.message);
      for (const { path, message } of missingFrom(value.spec, namespace, has)) error(path, message);
      // Policies to be put beside models come without any.
      const anyModel = all.some((one) => one.value.kind === 'Model' && one.value.metadata.namespace === namespace);
      for (const { path, message } of missingReaders(value.spec, namespace, serves))
        (anyModel ? error : warning)(path, message);
      for (const fault of lintToolPolicy(value, everything)) say(fault.severity)(fault.path, fault.message);
    }
    if (value.kind === 'Toolset') {
      const names = value.spec.tools.map((pick) => pick.as);
      value.spec.tools.forEach(({ server, as }, index) => {
        if (!has('ToolServer', namespace, server)) {
          error(`spec.tools[${index}].server`, `there is no ToolServer ${server} in ${namespace}`);
        }
        if (as !== undefined && names.indexOf(as) < index) error(`spec.tools[${index}].as`, `"${as}" is given twice`);
      });
      for (const { path, message } of toolsetRemarks(value, everything)) warning(path, message);
    }
    if (value.kind === 'ToolServer') {
      for (const { path, message } of stageRemarks(value)) warning(path, message);
      for (const fault of lintToolServer(value, everything)) say(fault.severity)(fault.path, fault.message);
    }
    if (value.kind === 'AccessPolicy') {
      value.spec.models.forEach((model, index) => {
        if (!model.includes('*') && !serves(namespace, model)) {
          warning(`spec.models[${index}]`, `no Model of these files is called ${model}`);
        }
      });
      value.spec.tools.forEach((tool, index) => {
        const server = tool.split('/', 1)[0] as string;
        if (!server.includes('*') && !has('ToolServer', namespace, server)) {
          warning(`spec.tools[${index}]`, `there is no ToolServer ${server} in these files`);
        }
      });
    }
    if (value.kind === 'Client') {
      const { identityProvider, clientId = name } = value.spec;
      const id = `${namespace}/${identityProvider ?? ''}/${clientId}`;
      const holder = clientIds.get(id);
      if (holder === undefined) clientIds.set(id, name);
      else error('spec.clientId', `NameTaken: "${clientId}" is held by Client ${holder}`);
      if (identityProvider !== undefined && !has('IdentityProvider', namespace, identityProvider)) {
        error('spec.identityProvider', `there is no IdentityProvider ${identityProvider} in ${namespace}`);
      }
    }
    for (const [path, ref] of secretRefs(value)) {
      if (secrets.get(`${namespace}/${ref.name}`)?.has(ref.key)) continue;
      warning(path, `no Secret ${ref.name} with key ${ref.key} is in these files`);
    }
  }
  return found;
}

function missingFrom(
  spec: ToolPolicySpec,
  namespace: string,
  has: (kind: Kind, namespace: string, name: string) => boolean,
): Fault[] {
  const servers = spec.tools.flatMap(({ server }, index) =>
    // A pattern may match nothing yet: it is for servers to come.
    server.includes('*') || has('ToolServer', namespace, server)
      ? []
      : [{ path: `spec.tools[${index}].server`, message: `there is no ToolServer ${server} in ${namespace}` }],
  );
  const providers = spec.providerTools.flatMap(({ provider }, index) =>
    has('ModelProvider', namespace, provider)
      ? []
      : [
          {
            path: `spec.providerTools[${index}].provider`,
            message: `there is no ModelProvider ${provider} in ${namespace}`,
          },
        ],
  );
  return [...servers, ...providers];
}

function missingReaders(
  spec: ToolPolicySpec,
  namespace: string,
  serves: (namespace: string, model: string) => boolean,
): Fault[] {
  return spec.results.flatMap(({ quarantine }, index) =>
    quarantine?.model === undefined || serves(namespace, quarantine.model)
      ? []
      : [
          {
            path: `spec.results[${index}].quarantine.model`,
            message: `no Model in ${namespace} is called ${quarantine.model}`,
          },
        ],
  );
}

function publicName(model: { readonly metadata: { readonly name: string }; readonly spec: ModelSpec }): string {
  return model.spec.publicName ?? model.metadata.name;
}

function subjectOf(value: unknown): string {
  const { kind, metadata } = value as { kind?: unknown; metadata?: unknown };
  const parsed = parseMetadata(metadata);
  const name = parsed.ok ? ` ${parsed.value.namespace}/${parsed.value.name}` : '';
  return `${String(kind)}${name}`;
}
