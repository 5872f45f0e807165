/** An image of busybox and the probe program, as an OCI layout in `directory`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tar, writeLayout } from '../../fixtures/layout.ts';
import { run } from '../../fixtures/process.ts';

const SOURCE = fileURLToPath(new URL('probe.c', import.meta.url));

/** Gives the layout's path; `push` it under any name. */
export async function probeImage(directory: string): Promise<string> {
  const program = join(directory, 'probe');
  await run('gcc', [
    '-std=gnu17',
    '-D_GNU_SOURCE',
    '-O1',
    '-static',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-s',
    '-o',
    program,
    SOURCE,
  ]);
  const layout = join(directory, 'layout');
  const busybox = await readFile('/bin/busybox');
  const applets = ['sh', 'cat', 'id', 'su', 'sleep'];
  const base = await tar([
    ...['bin/', 'etc/', 'tmp/', 'root/', 'home/'].map((name) => ({ name, type: 'directory' as const })),
    { name: 'bin/busybox', mode: 0o755, content: busybox },
    ...applets.map((name) => ({ name: `bin/${name}`, type: 'symlink' as const, linkname: 'busybox' })),
    { name: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/sh\n' },
    { name: 'etc/group', content: 'root:x:0:\nnogroup:x:65534:\n' },
  ]);
  const layer = await tar([{ name: 'bin/probe', mode: 0o755, content: await readFile(program) }]);
  await writeLayout(layout, { layers: [base, layer], compression: 'zstd', config: { Cmd: ['probe'] } });
  return layout;
}
