import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileTemplate } from './evaluate.ts';
import { TemplateError } from './lex.ts';

const CONTAINER = {
  Id: 'abc',
  State: { Running: true, ExitCode: 0, Pid: 4711 },
  Config: { Labels: { team: 'a', 'com.example.x': 'y' }, Env: ['A=1', 'B=2'], Cmd: null },
  Mounts: [],
  Limit: 9223372036854771712n,
  Networks: { bridge: { IP: '172.17.0.2' }, other: { IP: '10.0.0.2' } },
};

const run = (template: string, data: unknown = CONTAINER): string => compileTemplate(template)(data);
const refuses = (template: string, message: string): void => {
  assert.throws(
    () => run(template),
    (error: unknown) => {
      assert.ok(error instanceof TemplateError);
      assert.equal(error.message, message);
      return true;
    },
  );
};

describe('fields', () => {
  it('are printed as Go prints them', () => {
    assert.equal(run('{{.Id}} {{.State.Running}} {{ .State.ExitCode }}'), 'abc true 0');
    assert.equal(run('{{.Config.Env}} {{.Mounts}} {{.Config.Labels}}'), '[A=1 B=2] [] map[com.example.x:y team:a]');
    assert.equal(run('{{.Config.Cmd}} {{.Limit}}'), '<no value> 9223372036854771712');
  });

  it('are refused when they do not exist', () => {
    refuses('{{.State.Foo}}', 'template: :1: executing "" at <.State.Foo>: map has no entry for key "Foo"');
    refuses('{{.Config.Cmd.X}}', 'template: :1: executing "" at <.Config.Cmd.X>: nil data; no entry for key "X"');
    refuses('{{.constructor}}', 'template: :1: executing "" at <.constructor>: map has no entry for key "constructor"');
  });
});

describe('functions', () => {
  it('take arguments, pipelines and parentheses', () => {
    assert.equal(run('{{json .State}}'), '{"Running":true,"ExitCode":0,"Pid":4711}');
    assert.equal(run('{{json .Limit}}'), '9223372036854771712');
    assert.equal(run('{{.Config.Env | json}}'), '["A=1","B=2"]');
    assert.equal(run('{{index .Config.Labels "com.example.x"}} {{index .Config.Env 1}}'), 'y B=2');
    assert.equal(run('{{(index .Networks "bridge").IP}}'), '172.17.0.2');
    assert.equal(run('{{join .Config.Env ", "}} {{upper .Id}} {{len .Config.Env}}'), 'A=1, B=2 ABC 2');
    assert.equal(run('{{printf "%-5s|%3d|%q" .Id .State.Pid .Id}}'), 'abc  |4711|"abc"');
    assert.equal(run('{{index (split "a:b" ":") 1 | upper}}'), 'B');
    assert.equal(run('{{println "x"}}{{print 1 "a"}}'), 'x\n1a');
  });

  it('are refused when they are not known', () => {
    refuses('{{foo .Id}}', 'template: :1: function "foo" not defined');
    refuses('{{toString .Id}}', 'template: :1: function "toString" not defined');
  });

  it('can be methods of what is printed', () => {
    const row = { Label: (name: unknown) => `<${String(name)}>`, Names: 'web' };
    assert.equal(run('{{.Names}}: {{.Label "team"}}', row), 'web: <team>');
  });
});

describe('control', () => {
  it('branches', () => {
    assert.equal(run('{{if .State.Running}}up{{else}}down{{end}}'), 'up');
    assert.equal(run('{{if .Mounts}}some{{else if .Id}}none, {{.Id}}{{end}}'), 'none, abc');
    assert.equal(run('{{if and (eq .Id "abc") (gt .State.Pid 1)}}yes{{end}}'), 'yes');
    assert.equal(run('{{with .State}}{{.Pid}}{{end}}{{with .Mounts}}x{{else}}-{{end}}'), '4711-');
  });

  it('loops over lists and over maps in key order', () => {
    assert.equal(run('{{range .Config.Env}}[{{.}}]{{end}}'), '[A=1][B=2]');
    assert.equal(
      run('{{range $name, $net := .Networks}}{{$name}}={{$net.IP}} {{end}}'),
      'bridge=172.17.0.2 other=10.0.0.2 ',
    );
    assert.equal(run('{{range $i, $e := .Config.Env}}{{$i}}{{$e}}{{$.Id}}{{end}}'), '0A=1abc1B=2abc');
    assert.equal(run('{{range .Mounts}}x{{else}}empty{{end}}'), 'empty');
  });

  it('binds variables', () => {
    assert.equal(run('{{$pid := .State.Pid}}pid {{$pid}}'), 'pid 4711');
    refuses('{{$nope}}', 'template: :1: undefined variable "$nope"');
  });

  it('trims text beside {{- and -}} and drops comments', () => {
    assert.equal(run('a  {{- .Id -}}  b{{/* no */}}c'), 'aabcbc');
  });
});

describe('syntax', () => {
  it('keeps braces and quotes inside strings', () => {
    assert.equal(run('{{"}}"}}{{`\\n`}}{{"\\t"}}'), '}}\\n\t');
  });

  it('is refused when it is broken', () => {
    refuses('{{.Id', 'template: :1: unclosed action');
    refuses('{{if .Id}}x', 'template: :1: unexpected EOF');
    refuses('x{{end}}', 'template: :1: unexpected {{end}}');
    refuses('{{}}', 'template: :1: missing value for command');
    refuses('{{(index .Config.Env 0}}', 'template: :1: unclosed left paren');
    refuses('{{.Id # }}', 'template: :1: unexpected "#" in action');
  });
});
