import { EngineError } from '../errors.ts';
import { isDatabaseFull } from '../platform/reserve.ts';

/** A full disk in words that name the file system; anything else is given back as it is. */
export function explainFullDisk(thrown: unknown, directory: string): unknown {
  const code = (thrown as NodeJS.ErrnoException | null)?.code ?? '';
  if (thrown instanceof EngineError || !(['ENOSPC', 'EDQUOT'].includes(code) || isDatabaseFull(thrown))) return thrown;
  return new EngineError('System', `no space left on the file system of ${directory}`, {
    code: 'ENOSPC',
    hint: 'remove containers or images, or enlarge it',
    cause: thrown,
  });
}
