import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What is told of a folder that is watched. */
export interface FolderWatchOptions {
  readonly onChange: () => void;
  /** A folder cannot be watched, or no longer: EMFILE, ENOSPC where the machine's bound on watches is reached. */
  readonly onFault: (dir: string, error: unknown) => void;
}

/** A folder that is watched, with all folders below it. */
export interface FolderWatch {
  /** Watches the folders that there are now. To be awaited before files are listed, so that none is missed. */
  refresh(): Promise<void>;
  close(): void;
}

/**
 * Hears of changes in a folder and in those below it, by a watch on each folder and none on files: Node's own recursive
 * watch follows the inode of each file on Linux, and hears nothing more of one that was put in place by a rename.
 */
export function watchFolder(root: string, { onChange, onFault }: FolderWatchOptions): FolderWatch {
  let watchers: FSWatcher[] = [];
  let stale = true;

  const fault = (dir: string, error: unknown) => {
    // Tried again at the next look: what is missing may come, what is short may be free.
    stale = true;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onFault(dir, error);
  };
  const add = (dir: string) => {
    try {
      const watcher = watch(dir, (event) => {
        // What came or went by name may be a folder.
        if (event === 'rename') stale = true;
        onChange();
      });
      watcher.on('error', (error) => fault(dir, error));
      watchers.push(watcher);
    } catch (error) {
      fault(dir, error);
    }
  };
  const close = () => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };

  return {
    async refresh() {
      if (!stale) return;
      const dirs = await foldersIn(root);
      // Each anew: one that was made again under its old name is another folder.
      stale = false;
      close();
      for (const dir of dirs) add(dir);
    },
    close,
  };
}

async function foldersIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return [root, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))];
}
