// Writes the public surface of each entry point, as `npm run build` has declared it, to docs/api/*.api.md.
// With --check it only compares: a change of the public surface must be committed with its report.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'

const isCheck = process.argv.includes('--check')
const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, string | { types: string }>
}
const folder = 'docs/api'
mkdirSync(folder, { recursive: true })

const changed: string[] = []
const problems: { name: string; text: string }[] = []
// tsc and typedoc already report these messages.
const silent = { default: { logLevel: ExtractorLogLevel.None } }
for (const [subpath, target] of Object.entries(exports)) {
  if (typeof target === 'string') continue
  const name = subpath === '.' ? 'index' : subpath.slice(2).replaceAll('/', '-')
  if (!existsSync(target.types)) throw new Error(`${target.types} does not exist: run npm run build first`)
  const config = ExtractorConfig.prepare({
    configObjectFullPath: resolve('api-extractor.json'),
    packageJsonFullPath: resolve('package.json'),
    configObject: {
      projectFolder: resolve('.'),
      mainEntryPointFilePath: resolve(target.types),
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: resolve('tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: resolve(folder),
        reportTempFolder: resolve('node_modules/.cache/api-report'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: silent,
        extractorMessageReporting: {
          ...silent,
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Error },
        },
        tsdocMessageReporting: silent,
      },
    },
  })
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: !isCheck,
    messageCallback: (message) => {
      message.handled = true
      if (message.logLevel === ExtractorLogLevel.Error) problems.push({ name, text: message.text })
    },
  })
  if (apiReportChanged) changed.push(`${folder}/${name}.api.md`)
}
if (changed.length > 0) {
  console.log(`${isCheck ? 'The public surface differs from' : 'Updated'} ${changed.join(', ')}`)
  if (isCheck) console.error('Review the change, then run npm run api-report and commit the reports.')
} else console.log('The public surface matches docs/api')
// The other entry points use types that the main one exports.
const main = readFileSync(`${folder}/index.api.md`, 'utf8')
const forgotten = problems.filter(({ name, text }) => {
  const symbol = /symbol "(\w+)"/.exec(text)?.[1]
  return name === 'index' || !new RegExp(`export \\w+ ${symbol}\\b`).test(main)
})
for (const { name, text } of forgotten) console.error(`${name}: ${text}`)
process.exitCode = forgotten.length > 0 || (isCheck && changed.length > 0) ? 1 : 0
