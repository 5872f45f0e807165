import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bannedWords, deadExports, lockAddresses, longFiles } from './check-tidy.ts';
import { longFunctions } from './tidy/long-functions.ts';

const lines = (count: number): string => '  work();\n'.repeat(count);

describe('long files', () => {
  it('accepts a file at the limit and reports one line more', () => {
    assert.deepEqual(longFiles(new Map([['src/a.ts', 'x\n'.repeat(400)]])), []);
    const [finding] = longFiles(new Map([['native/src/a.c', 'x\n'.repeat(401)]]));
    assert.deepEqual(finding, { path: 'native/src/a.c', line: 401, message: '401 lines; 400 is the limit' });
  });
});

describe('long functions', () => {
  it('reports a TypeScript function, method and arrow over the limit, at its line', () => {
    const source = [
      `export function long() {\n${lines(69)}}`,
      `class A {\n  method() {\n${lines(69)}  }\n}`,
      `const arrow = () => {\n${lines(69)}};`,
      '',
    ].join('\n');
    const found = longFunctions(new Map([['src/é.ts', source]]), 70);
    assert.deepEqual(
      found.map((finding) => finding.line),
      [1, 73, 145],
    );
    assert.match(found[0]?.message ?? '', /^function of 71 lines; 70 is the limit$/);
  });

  it('accepts a function of exactly the limit, also after a character of several bytes', () => {
    assert.deepEqual(longFunctions(new Map([['src/a.ts', `// …\nfunction f() {\n${lines(68)}}\n`]]), 70), []);
  });

  it('does not count a suite, but does count a test in it', () => {
    const suite = `describe('a suite', () => {\n${lines(100)}  it('is long', async () => {\n${lines(70)}  });\n});\n`;
    const found = longFunctions(new Map([['src/a.test.ts', suite]]), 70);
    assert.deepEqual(
      found.map((finding) => finding.line),
      [102],
    );
  });

  it('reports a C function over the limit, in both brace styles', () => {
    const source = `static int f(int a)\n{\n${lines(69)}}\n\nint g(\n    int a) {\n${lines(69)}}\nint h(void) {\n${lines(68)}}\n`;
    const found = longFunctions(new Map([['native/src/a.c', source]]), 70);
    assert.deepEqual(
      found.map((finding) => finding.line),
      [2, 75],
    );
  });
});

describe('banned words', () => {
  it('reports each of them with its line, and only as a whole word', () => {
    const words = ['TODO', 'FIXME', 'XXX', 'HACK'].map((word) => `// ${word}: later`);
    const code = ['x as any;', '// @ts-ignore', "it.only('a')", "t.skip('b')"];
    const text = ['fine', ...words, ...code, 'mkdtemp XXXXXX', 'as anything', 'readonly(x)', ''].join('\n');
    const found = bannedWords(new Map([['src/a.ts', text]]));
    assert.deepEqual(new Set(found.map((finding) => finding.line)), new Set([2, 3, 4, 5, 6, 7, 8, 9]));
  });
});

describe('dead exports', () => {
  const used = [
    'src/used.ts',
    "import { alive, type Shape } from './a.ts';\nimport * as all from './all.ts';\n",
  ] as const;

  it('reports a value and a type that nobody imports', () => {
    const text =
      'export const alive = 1;\nexport function dead(): void {}\nexport interface Shape {}\nexport type Gone = 1;\n';
    const found = deadExports(new Map([used, ['src/a.ts', text]]));
    assert.deepEqual(
      found.map((finding) => [finding.line, /`(\w+)`/.exec(finding.message)?.[1]]),
      [
        [2, 'dead'],
        [4, 'Gone'],
      ],
    );
  });

  it('spares a type of an exported signature, and a module imported as a whole', () => {
    const signature = 'export interface Options {}\nexport function alive(options: Options): void {}\n';
    assert.deepEqual(
      deadExports(new Map([used, ['src/a.ts', signature], ['src/all.ts', 'export const one = 1;\n']])),
      [],
    );
  });

  it('sees through export lists and re-exports', () => {
    const sources = new Map([
      ['src/a.ts', 'const one = 1;\nconst two = 2;\nexport { one, two as zwei };\n'],
      ['src/index.ts', "export { one } from './a.ts';\n"],
    ]);
    assert.deepEqual(
      deadExports(sources).map((finding) => finding.message),
      ['nobody imports `zwei`: remove it or its `export`'],
    );
  });
});

describe('the lock file', () => {
  it('must not name the addresses that packages came from', () => {
    const lock = '{\n  "a": {\n    "version": "1.0.0",\n    "resolved": "https://registry.example/a.tgz"\n  }\n}\n';
    assert.deepEqual(
      lockAddresses(lock).map((finding) => finding.line),
      [4],
    );
    assert.deepEqual(lockAddresses('{ "a": { "version": "1.0.0" } }'), []);
  });
});
