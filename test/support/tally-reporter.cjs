// Writes "passed failed skipped" of a jest run to the file named by SALLYPORT_TALLY, for test/run-all.sh.
const { writeFileSync } = require('node:fs');

class TallyReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.SALLYPORT_TALLY;
    if (!file) return;
    const brokenSuites = results.numRuntimeErrorTestSuites;
    const failed = results.numFailedTests + brokenSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    writeFileSync(file, `${results.numPassedTests} ${failed} ${skipped}\n`);
  }
}

module.exports = TallyReporter;
