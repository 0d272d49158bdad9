import { CommandError, readArguments } from '../arguments.ts';
import { ensureCertificates } from '../dev/certificates.ts';
import { services } from '../dev/topology.ts';

/** `sallyport certificates --dir DIR [--namespace NAMESPACE]`: the CA and a certificate a service, as files. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = readArguments(args, { dir: { type: 'string' }, namespace: { type: 'string' } });
  if (values.dir === undefined) throw new CommandError('certificates: --dir is needed');
  const { namespace } = values;
  const made = await ensureCertificates({
    dir: values.dir,
    services: services.map(({ name }) => name),
    names: (service) =>
      namespace === undefined
        ? ['localhost', '127.0.0.1']
        : ['', '.svc', '.svc.cluster.local'].map((suffix) => `${service}.${namespace}${suffix}`),
  });
  process.stdout.write(made.length === 0 ? 'All certificates hold.\n' : `Made: ${made.join(', ')}\n`);
  return 0;
}
