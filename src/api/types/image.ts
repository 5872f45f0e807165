/** Bodies of the image endpoints of the Engine API, as far as a client of isle reads them. */

/** One element of `GET /images/json`. */
export interface ImageSummary {
  /** `sha256:` and 64 hex digits */
  Id: string;
  ParentId?: string;
  RepoTags: string[] | null;
  RepoDigests: string[] | null;
  /** seconds since the epoch */
  Created: number;
  /** bytes */
  Size: number;
  SharedSize?: number;
  Containers?: number;
  Labels?: Record<string, string> | null;
}

/** One element of `GET /images/{name}/history`, newest first. */
export interface HistoryItem {
  /** an image id, or `<missing>` */
  Id: string;
  /** seconds since the epoch */
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  /** bytes */
  Size: number;
  Comment: string;
}

/** One element of the answer to `DELETE /images/{name}`. */
export interface ImageDeleteItem {
  Untagged?: string;
  Deleted?: string;
}

/** One line of a progress stream (pull, push, load, build). */
export interface ProgressMessage {
  /** what the message is about: a layer, or a tag in the first line of a pull */
  id?: string;
  status?: string;
  /** bytes */
  progressDetail?: { current?: number; total?: number; start?: number; units?: string; hidecounts?: boolean };
  progress?: string;
  stream?: string;
  aux?: unknown;
  error?: string;
  errorDetail?: { message?: string; code?: number };
}
