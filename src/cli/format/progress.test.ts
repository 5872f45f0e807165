import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PullProgress, type ProgressOutput, progressBar } from './progress.ts';

class Screen implements ProgressOutput {
  readonly isTTY: boolean;
  readonly columns = 80;
  readonly rows = 24;
  written = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.written += text;
  }

  /** What a terminal shows in the end: the last text of each line. */
  get lines(): string[] {
    const lines: string[] = [];
    let row = 0;
    // oxlint-disable-next-line no-control-regex
    for (const [, up, down, text, newline] of this.written.matchAll(
      /\x1b\[(\d+)A|\x1b\[(\d+)B|(?:\x1b\[2K|\r)|([^\x1b\r\n]+)|(\n)/g,
    )) {
      if (up !== undefined) row -= Number(up);
      else if (down !== undefined) row += Number(down);
      else if (text !== undefined) lines[row] = text;
      else if (newline !== undefined) row += 1;
    }
    return lines;
  }
}

const layer = (id: string, status: string, current?: number, total?: number): Parameters<PullProgress['show']>[0] => ({
  id,
  status,
  progressDetail: { ...(current === undefined ? {} : { current }), ...(total === undefined ? {} : { total }) },
});

describe('progress on a terminal', () => {
  it('redraws each layer in its own row', () => {
    const screen = new Screen(true);
    const progress = new PullProgress(screen, () => 0);
    progress.show({ id: 'latest', status: 'Pulling from library/busybox' });
    progress.show(layer('aaa', 'Pulling fs layer'));
    progress.show(layer('bbb', 'Pulling fs layer'));
    progress.show(layer('aaa', 'Downloading', 5_000_000, 10_000_000));
    progress.show(layer('bbb', 'Pull complete'));
    progress.show(layer('aaa', 'Pull complete'));
    progress.show({ status: 'Status: Downloaded newer image for busybox:latest' });
    assert.deepEqual(screen.lines, [
      'latest: Pulling from library/busybox',
      'aaa: Pull complete',
      'bbb: Pull complete',
      'Status: Downloaded newer image for busybox:latest',
    ]);
    assert.match(screen.written, /aaa: Downloading +\[=+> +\] +5MB\/10MB/);
  });

  it('holds mere progress back for 50 ms, and draws the last of it at the end', () => {
    const screen = new Screen(true);
    let now = 0;
    const progress = new PullProgress(screen, () => now);
    progress.show(layer('aaa', 'Downloading', 1, 100));
    now = 10;
    progress.show(layer('aaa', 'Downloading', 2, 100));
    assert.doesNotMatch(screen.written, /2B\/100B/);
    now = 60;
    progress.show(layer('aaa', 'Downloading', 3, 100));
    assert.match(screen.written, /3B\/100B/);
    progress.show(layer('aaa', 'Downloading', 4, 100));
    progress.finish();
    assert.match(screen.written, /4B\/100B/);
  });

  it('never writes a row wider than the terminal', () => {
    const screen = new Screen(true);
    new PullProgress(screen).show(layer('a'.repeat(200), 'Downloading', 1, 2));
    assert.ok(screen.lines.every((line) => line.length < 80));
  });
});

describe('progress elsewhere', () => {
  it('is one line for each change, without the counting', () => {
    const screen = new Screen(false);
    const progress = new PullProgress(screen);
    progress.show(layer('aaa', 'Pulling fs layer'));
    progress.show(layer('aaa', 'Downloading', 5, 10));
    progress.show(layer('aaa', 'Pull complete'));
    progress.show(layer('aaa', 'Pull complete'));
    progress.show({ status: 'Status: done' });
    progress.finish();
    assert.equal(screen.written, 'aaa: Pulling fs layer\naaa: Pull complete\nStatus: done\n');
  });
});

describe('bars', () => {
  it('fill up, and are left out where there is no room', () => {
    assert.equal(progressBar(0, 10), '[>         ] ');
    assert.equal(progressBar(0.5, 10), '[=====>    ] ');
    assert.equal(progressBar(1, 10), '[==========] ');
    assert.equal(progressBar(7, 10), '[==========] ');
    assert.equal(progressBar(0.5, 3), '');
  });
});
