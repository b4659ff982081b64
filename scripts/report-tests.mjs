// Prints the real counts of a vitest JSON report as the one line "N passed, N failed, N skipped".
// Exits with 1 when a test failed or none ran.
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
// A file that breaks before its first test has no test that could count as failed: it counts as one itself.
const broken = report.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
)
const passed = report.numPassedTests
const failed = report.numFailedTests + broken.length
const skipped = report.numPendingTests + report.numTodoTests

for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status === 'failed') console.log(`failed: ${file.name} > ${test.fullName}`)
  }
}
for (const file of broken) console.log(`failed: ${file.name} (${file.message.split('\n')[0]})`)
if (passed + failed === 0) console.log('no test was executed')
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
