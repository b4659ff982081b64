import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'
import tsconfig from './tsconfig.json' with { type: 'json' }

const scenarios = ['test/scenarios/**/*.test.ts', 'test/model/**/*.test.ts']
const temporaryFiles = 'test/support/temporary-files.ts'
const setupFiles = ['test/support/property-seed.ts']
const integration = ['test/integration/**/*.test.ts', 'test/package/**/*.test.ts']

// The package name resolves to the sources, as in tsconfig.json, so examples are tested without a build.
const alias = Object.entries(tsconfig.compilerOptions.paths).map(([name, [file]]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(String(file), import.meta.url)),
}))

// Test files share no state, so they can share a process. Loading the SDK for each file would take as long as
// all of their tests.
const isolate = false

const config: ViteUserConfig = defineConfig({
  resolve: { alias },
  test: {
    // Processes rather than threads: tests kill and signal processes and count handles, and an SDK client
    // must not outlive its test file.
    pool: 'forks',
    // Integration tests mostly wait for the server, so at least two files run in parallel, even on one core.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    env: { AWS_EC2_METADATA_DISABLED: 'true', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
    },
    // The timeouts only stop tests that hang. They do not measure speed.
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // All tests that no other project includes, so a new folder cannot be omitted by mistake.
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...scenarios, ...integration],
          isolate,
          setupFiles,
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
          setupFiles,
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
