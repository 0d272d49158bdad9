/**
 * What is at hand already, or will be. A promise for what is at hand costs whoever awaits it a turn of the microtask queue and
 * a frame of up to a kilobyte; a warm request would wait for some fifteen of them. Where it matters, wait only for a promise:
 * `const now = value instanceof Promise ? await value : value`.
 */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value: at once where it is at hand. What `next` throws is thrown, or rejects. */
export function soon<T, R>(value: Soon<T>, next: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
