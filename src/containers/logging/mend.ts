/** A monitor that was killed, or a loss of power, may have left a part of a line at the end of the log. */
import { type FileHandle, open } from 'node:fs/promises';
import { unlessMissing } from '../../platform/read-file.ts';
import type { ContainersContext } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { FORMATS, type LogFiles } from './files.ts';
import { logFilesOf } from './settings.ts';

/** Cuts it off, so that the next line does not begin in the middle of it. To be called while nobody writes. */
export async function mendLog(context: ContainersContext, record: ContainerRecord): Promise<void> {
  const files = logFilesOf(context, record);
  if (files === null) return;
  // There is none at the first start.
  await using file = await unlessMissing(open(files.path, 'r+'));
  if (file !== null) await cutRest(files, file);
}

async function cutRest({ format }: LogFiles, file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const whole = await FORMATS[format].whole(file, size);
  if (whole < size) await file.truncate(whole);
}
