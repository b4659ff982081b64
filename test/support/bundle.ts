import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/**
 * Bundles a program and everything it imports into one file in `folder`, and returns the path of that file.
 * The bundle starts five times faster than the sources do with `tsx`.
 */
export async function bundleProgram(entry: URL, folder: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: fileURLToPath(entry),
      outDir: folder,
      minify: false,
      rolldownOptions: { output: { entryFileNames: 'program.js' } },
    },
    ssr: { noExternal: true },
  })
  return join(folder, 'program.js')
}
