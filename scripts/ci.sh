#!/usr/bin/env bash
# Runs all checks in a clean clone on a machine that has only Node.js, and installs whatever else they need.
# Unless `npm ci` fails, every step runs even if an earlier one failed. The exit code is 0 only if all passed.
# Independent steps run at the same time.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CI=true NO_COLOR=1
unset FORCE_COLOR
exec </dev/null

reports=$(mktemp -d)
nodes=$(mktemp -d)
outputs=$(mktemp -d)
failed="$outputs/failed"
trap 'end_jobs; rm -rf "$reports" "$nodes" "$outputs"' EXIT

# The process groups of the functions that run at the same time, by name.
declare -A running=()

end_jobs() {
  local pid
  for pid in "${running[@]}"; do kill -- "-$pid"; done
  wait
}

step() {
  local name=$1 start=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then
    printf '=== %s: done in %d s\n' "$name" $((SECONDS - start))
  else
    printf '=== %s: FAILED after %d s\n' "$name" $((SECONDS - start))
    echo "$name" >>"$failed"
    return 1
  fi
}

# Runs functions at the same time, and prints the output of each when it and those before it have ended.
together() {
  local lane
  # Each in a process group of its own, so that it can be ended with everything that it has started.
  set -m
  for lane in "$@"; do
    { "$lane"; touch "$outputs/$lane.ended"; } >"$outputs/$lane" 2>&1 &
    running[$lane]=$!
  done
  set +m
  for lane in "$@"; do
    wait "${running[$lane]}"
    unset "running[$lane]"
    # Otherwise it was killed, and has not recorded what failed.
    if ! [ -e "$outputs/$lane.ended" ]; then echo "$lane" >>"$failed"; fi
    cat "$outputs/$lane"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo --non-interactive "$@"; fi
}

# The integration tests need Java 17 or newer for DynamoDB Local, and libfaketime to run its clock faster. The
# tests of the relay to NATS need a NATS server.
system_packages() {
  local missing=()
  command -v java >/dev/null || missing+=(default-jre-headless)
  command -v faketime >/dev/null || missing+=(faketime)
  command -v nats-server >/dev/null || missing+=(nats-server)
  if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" || return 1
  fi
  java -version && command -v faketime && command -v nats-server
}

tests() {
  npm test -- --reporter=default --reporter=json --outputFile.json="$reports/tests.json"
}

# The npm packages node-<platform>-<architecture> contain only the binary of Node.js.
install_nodes() {
  local platform version
  platform=$(node -p 'process.platform + "-" + process.arch')
  for version in "${node_versions[@]}"; do
    npm install --prefix "$nodes/$version" --no-audit --no-fund --loglevel=error "node-$platform@$version" || return 1
    ln -s "node_modules/node-$platform/bin" "$nodes/$version/bin"
    "$nodes/$version/bin/node" --version || return 1
  done
}

# Not the tests of documents and of contracts, and not those with random input: they take more than half of the
# time, and do not depend on the version of Node.js. The package is checked with each version by another step,
# and the CLI with the oldest and the newest.
tests_on() {
  local files folders=(test/unit)
  if [ "$1" != 22 ]; then folders+=(test/cli); fi
  mapfile -t files < <(find "${folders[@]}" -name '*.test.ts' \
    | grep -vE '/docs/|/position/|/contract.test|-property.test|/file-faults.test|/reference.test' \
    | grep -vE '/large-tokens.test|/bad-input.test|/cli/redrive.test')
  PATH="$nodes/$1/bin:$PATH" npx --no-install vitest run "${files[@]}" \
    --reporter=dot --reporter=json --outputFile.json="$reports/node-$1.json"
}

versions() {
  npm run --silent check:versions -- --sdk oldest --sdk newest $(printf -- '--node %s ' "${node_versions[@]/#/$nodes/}")
}

node_versions=(20.19 22 24)

check_sources() {
  step 'lint' npx --no-install biome ci --colors=off .
  step 'types' npm run --silent typecheck
  step 'docs' npm run --silent check:docs
  step 'API reference' npm run --silent docs
}

check_package() {
  step 'package' npm run --silent check:package
}

test_on_other_versions() {
  local version installed
  installed=$(node -p 'process.versions.node.split(".")[0]')
  for version in "${node_versions[@]}"; do
    # The whole test suite has run on the installed version.
    [ "${version%%.*}" = "$installed" ] || step "tests on Node.js $version" tests_on "$version"
  done
}

check_versions() {
  step 'SDK and Node.js versions' versions
}

step 'system packages' system_packages
step 'npm ci' npm ci --no-audit --no-fund || exit 1
together check_sources check_package
step 'tests' tests
step 'install Node.js versions' install_nodes
together test_on_other_versions check_versions

printf '\n'
if [ -s "$failed" ]; then sed 's/^/step failed: /' "$failed"; fi
if ! [ -s "$reports/tests.json" ]; then
  echo 'the test runner wrote no report'
  exit 1
fi
npx --no-install tsx scripts/report-tests.ts "$reports"/*.json && ! [ -s "$failed" ]
