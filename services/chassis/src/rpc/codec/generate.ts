/**
 * Makes a function from source text, which sees the values of `scope` by their names. Each message type gets functions of
 * its own this way: closures that one factory makes share what V8 learns of the properties they read and write, so that
 * with a hundred types all of them go the slow way.
 *
 * The text is made of descriptors, which are part of the program; never of what comes over the wire.
 */
export function functionOf<F>(name: string, scope: Readonly<Record<string, unknown>>, body: string): F {
  const make = new Function(...Object.keys(scope), `'use strict';\n${body}\n//# sourceURL=codec:${name}`);
  return make(...Object.values(scope)) as F;
}

/** Whether this process may make functions from text: under `--disallow-code-generation-from-strings` it may not. */
export function canGenerate(): boolean {
  try {
    functionOf('probe', {}, '');
    return true;
  } catch {
    return false;
  }
}
