// Sums up the counts of vitest's JSON reports and prints them as one line: "N passed, N failed, N skipped".
// Exits with 1 if a test failed or none ran.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { JsonTestResults } from 'vitest/reporters'

const counts = { passed: 0, failed: 0, skipped: 0 }
for (const path of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(path, 'utf8')) as JsonTestResults
  // A file that failed without a failed test, for example while it was imported, counts as one failed test.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  counts.passed += report.numPassedTests
  counts.failed += report.numFailedTests + broken.length
  counts.skipped += report.numPendingTests + report.numTodoTests
  const run = basename(path, '.json')
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'failed') console.log(`failed (${run}): ${file.name} > ${test.fullName}`)
    }
  }
  for (const file of broken) console.log(`failed (${run}): ${file.name} (${file.message.split('\n')[0]})`)
}
const { passed, failed, skipped } = counts
if (passed + failed === 0) console.log('no test was executed')
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
