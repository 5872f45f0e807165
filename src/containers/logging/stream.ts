/** `GET /containers/{id}/logs`: what was logged and, with follow, what comes until the container ends. */
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import type { LogsOptions } from '../../api/backend.ts';
import { EngineError } from '../../errors.ts';
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import type { LogFiles } from './files.ts';
import { formatLines, type LineFormat } from './line.ts';
import { type ReadOptions, readLines } from './read.ts';
import { logFilesOf } from './settings.ts';

/** A change of the files is noticed by inotify; this is the bound for a notice that got lost. */
const LOOK_AGAIN_MS = 1000;

const LOSSES = {
  files: 'a client that follows a log is slower than the log is rotated: it misses a part',
  end: 'a compressed file of a log was cut: what stood at its end is lost',
} as const;

export function logStream(context: ContainersContext, container: Container, options: LogsOptions): Readable {
  const { record } = container;
  const files = logFilesOf(context, record);
  if (files === null) {
    throw new EngineError('NotImplemented', 'configured logging driver does not support reading');
  }
  if (!options.stdout && !options.stderr) {
    throw new EngineError('InvalidParameter', 'Bad parameters: you must choose at least one stream');
  }
  const format: LineFormat = {
    ...options,
    raw: options.raw === true || record.config.Tty === true,
  };
  const onLoss: Request['onLoss'] = (what) => context.log.warn({ container: record.id }, LOSSES[what]);
  const leave = new AbortController();
  const source = lines({ files, container, options, format, onLoss, left: leave.signal });
  // A generator's own return() would wait behind next(), which a silent container lets wait for ever.
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => source.next(),
    return: () => {
      leave.abort();
      return source.return(undefined);
    },
  };
  return Readable.from({ [Symbol.asyncIterator]: () => iterator }, { objectMode: false });
}

interface Request {
  files: LogFiles;
  container: Container;
  options: LogsOptions;
  format: LineFormat;
  readonly onLoss: ReadOptions['onLoss'];
  /** The client is gone: nobody waits for further lines. */
  left: AbortSignal;
}

async function* lines({ files, container, options, format, onLoss, left }: Request): AsyncGenerator<Uint8Array> {
  const change = new ChangeNotice(dirname(files.path), left);
  let last = false;
  const more = async () => {
    if (!options.follow || last || left.aborted) return false;
    // The monitor flushes the log before it reports the exit: one more look after the end has everything.
    last = !container.running;
    if (!last) await change.next(container);
    return !left.aborted;
  };
  try {
    for await (const some of readLines(files, { tail: options.tail, more, onLoss })) {
      if (left.aborted) return;
      const { bytes, ended } = formatLines(some, format);
      if (bytes.length > 0) yield bytes;
      if (ended) return;
    }
  } finally {
    change.close();
  }
}

/** Wakes a reader when something has happened in the directory, which outlives the files, the container has ended or the client is gone. */
class ChangeNotice {
  readonly #directory: string;
  #watcher: ReturnType<typeof watch> | undefined;
  #changed = false;
  #wake: (() => void) | null = null;

  constructor(directory: string, left: AbortSignal) {
    this.#directory = directory;
    left.addEventListener('abort', () => this.#notice());
  }

  async next(container: Container): Promise<void> {
    if (this.#watcher === undefined) {
      this.#watcher = watch(this.#directory, () => this.#notice());
      // It may have grown before the watch was there: look once more without waiting.
      return;
    }
    if (!this.#changed) {
      const onExit = () => this.#notice();
      container.exitListeners.add(onExit);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_AGAIN_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      container.exitListeners.delete(onExit);
      this.#wake = null;
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
    this.#wake?.();
  }

  #notice(): void {
    this.#changed = true;
    this.#wake?.();
  }
}
