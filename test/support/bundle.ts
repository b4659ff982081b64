import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/**
 * Bundles a program, with all that it imports, into one file in `folder`, and returns its path: that starts in a fifth of the
 * time that `tsx` takes.
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
