import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A copy of the sources and tests in a temporary folder, in which one file at a time can be changed. */
export interface WorkingCopy {
  readonly folder: string
  read(file: string): string
  /** Runs `action` while the file has this content. */
  withFile<T>(file: string, content: string, action: () => Promise<T>): Promise<T>
  remove(): void
}

const PARTS = ['src', 'test', 'docs/guide', 'package.json', 'tsconfig.json', 'vitest.config.ts']

export function copySources(): WorkingCopy {
  const folder = mkdtempSync(join(tmpdir(), 'mutants-'))
  for (const part of PARTS) cpSync(part, join(folder, part), { recursive: true })
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  return {
    folder,
    read: (file) => readFileSync(join(folder, file), 'utf8'),
    async withFile(file, content, action) {
      const path = join(folder, file)
      const original = readFileSync(path)
      writeFileSync(path, content)
      try {
        return await action()
      } finally {
        writeFileSync(path, original)
      }
    },
    remove,
  }
}
