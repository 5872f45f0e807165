/** Runs `docker` on a real pseudo terminal, which script(1) makes; what is written to it is what a user types. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run as runProgram } from '../fixtures/process.ts';
import { eventually, type Running, start } from './command.ts';
import type { TestDaemon } from './daemon.ts';
import { findDocker } from './docker.ts';

export interface Terminal extends Running {
  /** Changes the terminal's size as a window manager does: the kernel tells the programs by SIGWINCH. */
  resize(rows: number, columns: number): Promise<void>;
}

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

let count = 0;

/** The terminal starts with `rows` x `columns`. script's exit status is docker's. */
export async function dockerOnTerminal(
  daemon: TestDaemon,
  args: readonly string[],
  size: { rows: number; columns: number } = { rows: 24, columns: 80 },
): Promise<Terminal> {
  const docker = await findDocker();
  const ttyFile = join(daemon.execRoot, '..', `tty-${count++}`);
  const setUp = `stty rows ${size.rows} cols ${size.columns}; tty > ${quote(ttyFile)}`;
  const command = `${setUp}; exec ${[docker, ...args].map(quote).join(' ')}`;
  const env = {
    DOCKER_HOST: daemon.dockerHost,
    DOCKER_CONFIG: join(daemon.execRoot, '../docker-config'),
    TERM: 'xterm',
  };
  const running = start('script', ['-qefc', command, '/dev/null'], { keepStdin: true, env });
  const device = await eventually('the terminal is there', async () => {
    const name = await readFile(ttyFile, 'utf8').catch(() => '');
    return name.endsWith('\n') ? name.trim() : null;
  });
  return {
    ...running,
    resize: async (rows, columns) => {
      await runProgram('stty', ['-F', device, 'rows', String(rows), 'cols', String(columns)]);
    },
  };
}
