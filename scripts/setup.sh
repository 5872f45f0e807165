#!/bin/sh
# Installs what is missing (npm packages, and by apt the few Debian packages that the build needs) and builds.
# Quiet unless something fails. Safe to run several times at once: one works, the others wait and find it done.
#   setup.sh            npm packages + build
#   setup.sh PACKAGE=PROBE ...   these Debian packages too, where the file or command PROBE does not exist
set -eu
cd "$(dirname "$0")/.."
mkdir -p .cache
exec 9> .cache/setup.lock
flock 9

log=.cache/setup.log
quietly() {
  if ! "$@" > "$log" 2>&1 9>&-; then
    cat "$log" >&2
    echo "isle: \`$*\` failed; its output is above" >&2
    exit 1
  fi
}

is_there() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" > /dev/null 2>&1 ;;
  esac
}

missing=
for pair in make=make gcc=gcc libc6-dev=/usr/include/stdlib.h "$@"; do
  is_there "${pair#*=}" || missing="$missing ${pair%%=*}"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! is_there apt-get; then
    echo "isle: these Debian packages are missing:$missing" >&2
    echo "isle: install them first, for example: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
  echo "isle: installing Debian packages:$missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  # A package's service is not wanted here, only its program: invoke-rc.d asks policy-rc.d, and 101 means "do not start".
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  # The lists may be absent (fresh image) or too old to download from: then fetch them and try once more.
  # shellcheck disable=SC2086
  if ! apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing > "$log" 2>&1 9>&-; then
    quietly apt-get update -qq
    quietly apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing
  fi
fi

first=
[ -f dist/.stamp ] || first=1
modules_are_current() {
  [ -x node_modules/.bin/node ] && ! [ package-lock.json -nt node_modules/.package-lock.json ]
}
is_built() {
  [ -f dist/.stamp ] && [ -x native/build/islet ] && [ -x native/build/hello ] &&
    [ -z "$(find bin src native/src native/hello native/Makefile package-lock.json scripts/build.ts scripts/generate-*.ts \
      -type f ! -name '*.test.ts' -newer dist/.stamp -print -quit)" ]
}

if ! modules_are_current; then
  [ -z "$first" ] || echo 'isle: first run: installing and building' >&2
  quietly npm ci --no-audit --no-fund
  # npm keeps the lock file's time out of it: mark the moment, or a later checkout of an equal file would install again.
  touch node_modules/.package-lock.json
  if ! [ -x node_modules/.bin/node ]; then
    echo 'isle: npm did not install Node (package `node`): are install scripts disabled? try: npm rebuild node' >&2
    exit 1
  fi
fi
is_built || quietly node_modules/.bin/node scripts/build.ts
