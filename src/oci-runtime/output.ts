/** What a command prints. A pipe or a socket takes at once what it has room for, and the rest only while the program goes on. */
let printed: Promise<void> = Promise.resolve();

export function print(text: string): void {
  // A reader that has gone is told of by the stream's own 'error'.
  printed = new Promise((resolve) => void process.stdout.write(text, () => resolve()));
}

/** Ends when all that was printed has been taken. The stream is not touched before: opening it changes the caller's descriptor. */
export function allPrinted(): Promise<void> {
  return printed;
}
