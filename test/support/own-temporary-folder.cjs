// Gives a run of jest a temporary folder of its own, in which everything lands that its tests and their processes make below
// the system's: leave-temporary-folder.cjs removes it, also what a test that failed half-way left there.
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

module.exports = () => {
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'sallyport-tests-'));
};
