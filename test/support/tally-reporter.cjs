// Writes "passed failed skipped" of a jest run to the file named by SALLYPORT_TALLY, and beside it the failed test files
// with how many of their tests passed and failed, for test/run-all.sh.
const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');

class TallyReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.SALLYPORT_TALLY;
    if (!file) return;
    const brokenSuites = results.numRuntimeErrorTestSuites;
    const failed = results.numFailedTests + brokenSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    writeFileSync(file, `${results.numPassedTests} ${failed} ${skipped}\n`);
    const broken = results.testResults.filter((one) => one.numFailingTests > 0 || one.testExecError);
    const lines = broken.map((one) => {
      const count = Math.max(one.numFailingTests, one.testExecError ? 1 : 0);
      return `${one.numPassingTests} ${count} ${one.numPendingTests} ${relative(process.cwd(), one.testFilePath)}\n`;
    });
    writeFileSync(`${file}.failed`, lines.join(''));
  }
}

module.exports = TallyReporter;
