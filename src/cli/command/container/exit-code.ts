import type { WaitResponse } from '../../../api/types/container.ts';
import { CommandError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';

/** Docker's rule: 127 when the command was not found, 126 when it could not be executed, 125 for all else. */
export function exitCodeOfFailure(error: unknown, message: string): number {
  if (error instanceof CommandError) return error.exitCode;
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return 127;
  return /permission denied|: is a directory/.test(message) ? 126 : 125;
}

/** @throws CommandError, exit code 125, when the engine could not tell how the container ended */
export function exitCodeOfWait(answer: WaitResponse): number {
  if (answer.Error?.Message) throw new CommandError(messages.waitFailed(answer.Error.Message), { exitCode: 125 });
  return answer.StatusCode;
}
