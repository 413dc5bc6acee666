#!/usr/bin/env bash
# Installs what is missing, builds everything as Release in build/ (the program: build/bin/refcalib) and runs the tests but for
# those labelled "long". Arguments go to CMake, for example -DREFCALIB_WARNINGS_AS_ERRORS=ON.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

groups=(build test)
for argument in "$@"; do
  [[ $argument == -DREFCALIB_SHARED_DIR=?* ]] && groups+=(golden)
done
bash "$root/cmake/packages.sh" "${groups[@]}"
bash "$root/cmake/build.sh" -- -DREFCALIB_BUILD_TESTS=ON -DREFCALIB_BUILD_BENCH=ON -DREFCALIB_BUILD_EXAMPLES=ON "$@"
"$root/build/bin/refcalib" --version
ctest --test-dir "$root/build" -j2 --label-exclude '^long$' --output-on-failure
