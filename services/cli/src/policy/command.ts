import { CommandError } from '../arguments.ts';

// Loaded when asked for, as commands are.
const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  test: async (args) => (await import('./test-command.ts')).testPolicies(args),
  table: async (args) => (await import('./table-command.ts')).tablePolicies(args),
  explain: async (args) => (await import('./explain-command.ts')).explainDecision(args),
  replay: async (args) => (await import('./replay-command.ts')).replayPolicies(args),
  coverage: async (args) => (await import('./coverage-command.ts')).coverPolicies(args),
};

/** `sallyport policy test | table | explain | replay | coverage`. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined) throw new CommandError(`say policy ${Object.keys(ACTIONS).join(', policy ')}`);
  return action(rest);
}
