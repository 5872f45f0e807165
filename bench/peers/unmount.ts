import { readFileSync } from 'node:fs';
import { run } from '../../test/fixtures/process.ts';

/** Some engines leave directories of theirs mounted when they end. */
export async function unmountBelow(directory: string): Promise<void> {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const points = lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${directory}/`));
  for (const point of points.toReversed()) await run('umount', ['-l', point]);
}
