// Removes the folder that own-temporary-folder.cjs made, at the end of a run of jest.
const { rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { basename, dirname } = require('node:path');

module.exports = () => {
  const folder = tmpdir();
  if (!basename(folder).startsWith('sallyport-tests-')) return;
  // A process that is still ending may write into it.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  process.env.TMPDIR = dirname(folder);
};
