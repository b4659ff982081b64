import { defineConfig, type ViteUserConfig } from 'vitest/config'

const scenarios = ['test/scenarios/**/*.test.ts', 'test/model/**/*.test.ts']
const integration = ['test/integration/**/*.test.ts']
const packed = ['test/package/**/*.test.ts']

const config: ViteUserConfig = defineConfig({
  test: {
    // Processes rather than threads: tests kill, signal and count handles, and an SDK client must not outlive its file.
    pool: 'forks',
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
          include: ['test/**/*.test.ts'],
          exclude: [...scenarios, ...integration, ...packed],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'scenarios',
          include: scenarios,
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: integration,
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: packed,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})

export default config
