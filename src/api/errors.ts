/** How an error looks on the wire. */
import type { IncomingMessage } from 'node:http';
import { EngineError, toEngineError } from '../errors.ts';
import type { Call } from './call.ts';
import type { ErrorResponse } from './types/system.ts';

export function pageNotFound(): EngineError {
  return new EngineError('NotFound', 'page not found');
}

/** Message and way out in one text, for clients that print only that. */
export function errorText(error: EngineError): string {
  return error.hint === undefined ? error.message : `${error.message.replace(/\.$/, '')}. Hint: ${error.hint}`;
}

/** isle's own client lays the hint out by itself; every other one prints `message` and nothing else. */
/** The body of an answer with an error. */
export function errorBody(error: EngineError, request: IncomingMessage): ErrorResponse {
  const separate = request.headers['user-agent']?.startsWith('isle') === true;
  const body: ErrorResponse = { message: separate ? error.message : errorText(error) };
  if (separate && error.hint !== undefined) body.hint = error.hint;
  if (error.code !== undefined) body.code = error.code;
  return body;
}

/**
 * Answers with the error; when the answer has begun already, cuts the connection, so that the client does not take
 * what it got for the whole.
 */
export function sendError(call: Call, thrown: unknown): EngineError {
  const error = toEngineError(thrown);
  const { response, request } = call;
  if (response.headersSent) {
    response.destroy();
    return error;
  }
  if (error.kind === 'NotModified') {
    call.sendEmpty(304);
    return error;
  }
  // The rest of the body is read and thrown away, however long: a client that finds the connection closed while it
  // still sends (a build context, an image archive) says "broken pipe" in place of our answer.
  request.resume();
  call.sendJson(error.httpStatus, errorBody(error, request));
  return error;
}
