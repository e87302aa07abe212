/** The first view: three lines to copy, and a notebook that runs them. */

import type { Contents, KernelSpec } from '@jupyterlab/services';

export const LOAD_LINE = '%load_ext jupyter_views';

export const EXAMPLE_CELL = `%%perspective Squares
SELECT n, n * n AS squared
FROM range(10) AS t(n)`;

/** Shipped beside the server's notebooks by `jupyter views demo`. */
const SHIPPED = 'examples/first_view.ipynb';
const OWN = 'first_view.ipynb';

/**
 * The path of a notebook with the example: the shipped one where there is one,
 * one made before, or a new one in the server's root folder.
 */
export async function exampleNotebook(
  contents: Contents.IManager,
  specs: KernelSpec.ISpecModels | null
): Promise<string> {
  for (const path of [SHIPPED, OWN]) {
    if (await exists(contents, path)) {
      return path;
    }
  }
  const name = specs?.default ?? 'python3';
  const spec = specs?.kernelspecs[name];
  await contents.save(OWN, {
    type: 'notebook',
    format: 'json',
    content: {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {
        kernelspec: {
          name,
          display_name: spec?.display_name ?? 'Python 3',
          language: spec?.language ?? 'python'
        }
      },
      cells: [cell('load', LOAD_LINE), cell('first-view', EXAMPLE_CELL)]
    }
  });
  return OWN;
}

function cell(id: string, source: string): Record<string, unknown> {
  return { id, cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source };
}

async function exists(contents: Contents.IManager, path: string): Promise<boolean> {
  try {
    await contents.get(path, { content: false });
    return true;
  } catch {
    return false;
  }
}
