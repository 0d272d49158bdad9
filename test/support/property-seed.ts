// Property tests explore with a new seed at each run, which is what a developer wants. Where FAST_CHECK_SEED is set (as
// .ci/run does) all start from that one, so that a landing is judged by the same cases each time.
const seed = process.env.FAST_CHECK_SEED;
if (seed !== undefined && seed !== '') {
  const { configureGlobal, readConfigureGlobal } = await import('fast-check');
  configureGlobal({ ...readConfigureGlobal(), seed: Number(seed) });
}

export {};
