import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkBoundaries } from './check-boundaries.ts';

function check(path: string, ...code: string[]): string[] {
  return checkBoundaries(new Map([[path, `${code.join('\n')}\n`]])).map(({ line, message }) => `${line}: ${message}`);
}

describe('boundaries', () => {
  it('let each layer import the ones below it, itself and the errors', () => {
    assert.deepEqual(check('bin/daemon.ts', "import { main } from '../src/daemon/main.ts';"), []);
    assert.deepEqual(check('src/cli/run.ts', "import { EngineClient } from '../client/engine-client.ts';"), []);
    assert.deepEqual(check('src/containers/start.ts', "import { Launcher } from '../runtime/executor.ts';"), []);
    assert.deepEqual(
      check('src/images/pull.ts', "import { EngineError } from '../errors.ts';\nimport './names.ts';"),
      [],
    );
  });

  it('keep the command line out of the daemon, at the line of the import', () => {
    const found = check('src/cli/run.ts', "import fs from 'node:fs';", "import { Daemon } from '../daemon/daemon.ts';");
    assert.deepEqual(found, ['2: cli must not import daemon/daemon.ts: it may import client, api/types']);
  });

  it('open only the named part of a folder', () => {
    assert.deepEqual(check('src/client/a.ts', "import type { Fact } from '../api/types/explain.ts';"), []);
    assert.match(
      check('src/client/a.ts', "import { route } from '../api/router.ts';")[0] ?? '',
      /must not import api\/router/,
    );
    assert.deepEqual(check('src/containers/a.ts', "import type { JsonObject } from '../api/backend.ts';"), []);
  });

  it('keep siblings apart', () => {
    assert.equal(check('src/containers/a.ts', "import { ImageService } from '../images/service.ts';").length, 1);
  });

  it('see types, re-exports, dynamic imports, side-effect imports, multi-line imports and worker URLs', () => {
    const forms = [
      "import type { A } from '../daemon/a.ts';",
      "export { a } from '../daemon/a.ts';",
      "export * from '../daemon/a.ts';",
      "import '../daemon/a.ts';",
      "const a = await import('../daemon/a.ts');",
      "import {\n  a,\n  b,\n} from '../daemon/a.ts';",
      "new Worker(new URL('../daemon/a.worker.ts', import.meta.url));",
    ];
    for (const form of forms) assert.equal(check('src/cli/a.ts', form).length, 1, form);
  });

  it('keep product code from importing tests and scripts', () => {
    const found = check('src/images/a.ts', "import { startRegistry } from '../../test/fixtures/registry.ts';");
    assert.match(found[0] ?? '', /product code imports only from src/);
  });

  it('ask for a decision about a folder that they do not know', () => {
    assert.match(check('src/newcomer/a.ts', "import { a } from '../oci/a.ts';")[0] ?? '', /newcomer has no entry/);
  });

  it('let no program be started from the folders of the start path, tests excepted', () => {
    const spawning = "import { spawn } from 'node:child_process';";
    assert.match(check('src/containers/start.ts', spawning)[0] ?? '', /must not use node:child_process/);
    assert.deepEqual(check('src/containers/start.test.ts', spawning), []);
    assert.deepEqual(check('src/runtime/executor.ts', spawning), []);
  });
});
