const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/**
 * Gives this realm the dispatcher that Node's own `fetch` works with: Google's SDK asks the global object for it, and that of a
 * jest test is not the one in which Node puts it.
 */
export function shareGlobalDispatcher(): void {
  // Node makes it with the first use; the constructor of a function leads to the realm that it is of.
  void new Headers();
  const realmOf = fetch.constructor as FunctionConstructor;
  const outer = realmOf('return globalThis')() as Record<symbol, unknown>;
  (globalThis as unknown as Record<symbol, unknown>)[DISPATCHER] ??= outer[DISPATCHER];
}
