import { spawn } from 'node:child_process';
import { EngineError } from '../../../errors.ts';
import type { Io } from '../command.ts';

/**
 * Puts the user's terminal into raw mode: every key goes to the container, Ctrl-C among them. Resolves to the way back.
 * Node's raw mode leaves output processing on, which would turn the container's line feeds into carriage return + line
 * feed and break full-screen programs; `stty` switches that off too. Without stty it stays on, which most programs bear.
 * Whatever happens later, libuv puts the terminal back when the process exits.
 */
export async function enterRawMode(stdin: NodeJS.ReadStream): Promise<() => void> {
  if (!stdin.isTTY) return () => undefined;
  stdin.setRawMode(true);
  const stty = spawn('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  await new Promise((resolve) => stty.once('exit', resolve).once('error', resolve));
  return () => stdin.setRawMode(false);
}

/** rows and columns of the terminal that the user looks at; undefined when stdout is none */
export function terminalSize(io: Io): { rows: number; columns: number } | undefined {
  const { isTTY, rows, columns } = io.stdout;
  return isTTY && rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/**
 * Gives the container's terminal the size of the user's, now and at each change. Returns the way to stop. With `redraw`
 * it takes a wrong size first: only a change makes a program that runs already show its prompt or screen again.
 */
export function followResize(
  send: (size: { rows: number; columns: number }) => Promise<void>,
  io: Io,
  redraw = false,
): () => void {
  let following = true;
  // One after the other: sent at once they could arrive in any order, and the last one must win.
  let previous = Promise.resolve();
  const resize = (extra = 0): void => {
    const size = terminalSize(io);
    if (size === undefined) return;
    previous = previous.then(async () => {
      if (following) await resizeTo(send, { rows: size.rows + extra, columns: size.columns + extra });
    });
  };
  if (redraw) resize(1);
  resize();
  const onResize = (): void => resize();
  io.stdout.on('resize', onResize);
  return () => {
    following = false;
    io.stdout.off('resize', onResize);
  };
}

async function resizeTo(
  send: (size: { rows: number; columns: number }) => Promise<void>,
  size: { rows: number; columns: number },
): Promise<void> {
  try {
    await send(size);
  } catch (error) {
    // It has ended meanwhile: its exit is reported elsewhere, its size does not matter any more.
    if (!(error instanceof EngineError)) throw error;
  }
}
