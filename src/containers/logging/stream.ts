/** `GET /containers/{id}/logs`: what was logged and, with follow, what comes until the container ends. */
import { watch } from 'node:fs';
import { Readable } from 'node:stream';
import type { LogsOptions } from '../../api/backend.ts';
import { EngineError } from '../../errors.ts';
import type { Container } from '../container.ts';
import { type ContainersContext, logPath } from '../context.ts';
import { formatLines, type LineFormat, readLines } from './json-file.ts';

/** A change of the file is noticed by inotify; this is the bound for a notice that got lost. */
const LOOK_AGAIN_MS = 1000;

export function logStream(context: ContainersContext, container: Container, options: LogsOptions): Readable {
  const { record } = container;
  if (record.hostConfig.LogConfig?.Type === 'none') {
    throw new EngineError('NotImplemented', 'configured logging driver does not support reading');
  }
  if (!options.stdout && !options.stderr) {
    throw new EngineError('InvalidParameter', 'Bad parameters: you must choose at least one stream');
  }
  const format: LineFormat = {
    ...options,
    raw: record.config.Tty === true,
  };
  return Readable.from(lines(logPath(context, record.id), container, options, format), { objectMode: false });
}

async function* lines(
  path: string,
  container: Container,
  options: LogsOptions,
  format: LineFormat,
): AsyncGenerator<Uint8Array> {
  const change = new ChangeNotice(path);
  let last = false;
  const more = async () => {
    if (!options.follow || last) return false;
    // The monitor flushes the log before it reports the exit: one more look after the end has everything.
    last = !container.running;
    if (!last) await change.next(container);
    return true;
  };
  try {
    for await (const some of readLines(path, options.tail, more)) {
      const { bytes, ended } = formatLines(some, format);
      if (bytes.length > 0) yield bytes;
      if (ended) return;
    }
  } catch (thrown) {
    // A container that was never started has no log yet.
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  } finally {
    change.close();
  }
}

/** Wakes a reader when the file has grown or the container has ended. */
class ChangeNotice {
  readonly #path: string;
  #watcher: ReturnType<typeof watch> | undefined;
  #changed = false;
  #wake: (() => void) | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  async next(container: Container): Promise<void> {
    if (this.#watcher === undefined) {
      this.#watcher = watch(this.#path, () => this.#notice());
      // The file may have grown before the watch was there: look once more without waiting.
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
