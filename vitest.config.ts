import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'
import tsconfig from './tsconfig.json' with { type: 'json' }

const scenarios = ['test/scenarios/**/*.test.ts', 'test/model/**/*.test.ts']
const temporaryFiles = 'test/support/temporary-files.ts'
const integration = ['test/integration/**/*.test.ts', 'test/package/**/*.test.ts']

// The package under its own name is its sources, as in tsconfig.json: examples are tested without a build.
const alias = Object.entries(tsconfig.compilerOptions.paths).map(([name, [file]]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(String(file), import.meta.url)),
}))

// No file leaves anything behind that another one could see. To load the SDK for each of them anew would take as long as
// all of their tests.
const isolate = false

const config: ViteUserConfig = defineConfig({
  resolve: { alias },
  test: {
    // Time limits end a test that hangs. None depends on how busy the machine is.
    // Processes rather than threads: tests kill, signal and count handles, and an SDK client must not outlive its file.
    pool: 'forks',
    // The integration tests mostly wait for the server: one core must not leave them to run one by one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    env: { AWS_EC2_METADATA_DISABLED: 'true', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Whatever is not named below: a new folder is never left out by mistake.
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...scenarios, ...integration],
          isolate,
          globalSetup: [temporaryFiles],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'scenarios',
          include: scenarios,
          isolate,
          globalSetup: [temporaryFiles],
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: integration,
          globalSetup: [temporaryFiles, 'test/support/global-setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})

export default config
