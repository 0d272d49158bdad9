import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createLogger } from '@sallyport/chassis/log';
import type { DevFile } from '../admin-client.ts';
import { CommandError, readArguments } from '../arguments.ts';
import { isAlive } from '../dev/processes.ts';
import { startSuite } from '../dev/suite.ts';
import { thingsToTry } from '../dev/things-to-try.ts';

/** `sallyport dev`: the whole suite on this machine until Ctrl-C or SIGTERM. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = readArguments(args, {
    port: { type: 'string', default: '4180' },
    data: { type: 'string', default: '.sallyport' },
    resources: { type: 'string', default: 'deploy/local' },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new CommandError(`dev: ${values.port} is no port`);
  if (!existsSync(values.resources)) throw new CommandError(`dev: there is no folder ${values.resources}`);

  // Both signals end the start as well as the run; a second one does not wait for anything.
  const { promise: asked, resolve: ask } = Promise.withResolvers<NodeJS.Signals>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    // The services notice that the launcher is gone and drain by themselves.
    if (signals > 1) process.exit(1);
    process.stdout.write('\nStopping …\n');
    ask(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);

  const startedAt = Date.now();
  const data = resolve(values.data);
  const file = join(data, 'dev.json');
  forgetDeadSuite(file);
  process.stdout.write(`Starting Sallyport on port ${port}, data in ${values.data} …\n`);
  // One line a message: this is read by a person, the services' own logs are in DATA/logs.
  const log = createLogger({ service: 'dev', level: 'warn', write: (line) => void process.stderr.write(line) });
  const starting = startSuite({ port, data, resources: resolve(values.resources), keepAlive: true, log });
  const early = asked.then(() => undefined);
  const suite = await Promise.race([starting, early]).catch((error: unknown) => {
    throw new CommandError((error as Error).message, 1);
  });
  if (suite === undefined) {
    await starting.then((late) => late.stop()).catch(() => undefined);
    return 0;
  }
  const facts: DevFile = {
    endpoint: suite.endpoint,
    key: suite.key,
    adminKey: suite.adminKey,
    pid: process.pid,
    ports: suite.ports,
  };
  writeFileSync(file, `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
  process.stdout.write(thingsToTry({ ...facts, data: values.data, seconds: (Date.now() - startedAt) / 1000 }));
  await asked;
  rmSync(file, { force: true });
  await suite.stop();
  process.stdout.write('Stopped.\n');
  return 0;
}

/** Removes what a killed launcher wrote down: whoever waits for the file must not find an endpoint that is gone. */
function forgetDeadSuite(file: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as DevFile;
    if (!isAlive(pid)) rmSync(file);
  } catch {
    // Not there, which is as it should be.
  }
}
