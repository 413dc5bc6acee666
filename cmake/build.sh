#!/usr/bin/env bash
# Configures the project in build/ as Release and builds the targets named before `--`; what follows goes to CMake.
#   build.sh [TARGET...] [-- -DOPTION=VALUE...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

targets=()
while (($#)) && [[ $1 != -- ]]; do
  targets+=("$1")
  shift
done
(($#)) && shift

# A build folder that was copied from elsewhere or made by another generator is of no use.
fresh=()
cache=build/CMakeCache.txt
if [[ -f $cache ]] && ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache" &&
  grep -qxF "CMAKE_GENERATOR:INTERNAL=Ninja" "$cache"; }; then
  fresh=(--fresh)
fi
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

log=build/configure.log
mkdir -p build
if ! cmake "${fresh[@]}" -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release "${launcher[@]}" "$@" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
cmake --build build --parallel "$(nproc)" ${targets[@]+--target "${targets[@]}"}
