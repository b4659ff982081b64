// Prints the size of the bundled function, and how long Node.js takes to load it, in fresh processes:
//   npx tsx examples/lambda/measure.ts
import { execFileSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

const ROUNDS = 9
const settings: BuildOptions = {
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  external: ['@aws-sdk/*'],
}

// Beside this file, so that the packages that are not bundled are found.
const outfile = fileURLToPath(new URL('function.bundle.mjs', import.meta.url))
try {
  await build({ ...settings, entryPoints: [fileURLToPath(new URL('handler.ts', import.meta.url))], outfile })
  const times = Array.from({ length: ROUNDS }, () => loadMs(outfile)).sort((one, other) => one - other)
  console.log(`The function has ${statSync(outfile).size} bytes, minified and without the SDK.`)
  console.log(`Node.js ${process.version} loads it in ${times[ROUNDS >> 1]} ms (median of ${ROUNDS}).`)
} finally {
  rmSync(outfile, { force: true })
}

function loadMs(file: string): number {
  const program = `const start = performance.now(); await import(${JSON.stringify(file)}); console.log(performance.now() - start)`
  const env = {
    ...process.env,
    REJECTED_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/rejected',
  }
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { env })
  return Math.round(Number(output.toString()))
}
