import { getSystemErrorMessage, getSystemErrorMap } from 'node:util';

/** The C library's words for a failed file operation: "no such file or directory". Other errors keep their message. */
export function errnoText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : undefined;
  return errno !== undefined && getSystemErrorMap().has(errno) ? getSystemErrorMessage(errno) : error.message;
}
