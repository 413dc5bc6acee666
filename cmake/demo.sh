#!/usr/bin/env bash
# The main job on the embedded example: calibrates examples/model with its 100 images and shows what was gained and lost.
# Installs what is missing and builds the program (build/bin/refcalib) first; the INT8 model goes to build/demo.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bash "$root/cmake/packages.sh" build
bash "$root/cmake/build.sh" refcalib_cli -- \
  -DREFCALIB_BUILD_TESTS=OFF -DREFCALIB_BUILD_BENCH=OFF -DREFCALIB_BUILD_EXAMPLES=OFF

cd "$root"
refcalib=build/bin/refcalib
data=examples/model
show() {
  echo
  echo "\$ $*"
  "$@"
}

mkdir -p build/demo
show $refcalib calibrate -sm -m $data/shapes_v7.xml -s $data/calibration -o build/demo
show $refcalib infer -m $data/shapes_v7.xml -i $data/heldout --labels $data/heldout.txt
show $refcalib infer -m build/demo/shapes_v7_i8.xml -i $data/heldout --labels $data/heldout.txt
show $refcalib compare $data/shapes_v7.xml build/demo/shapes_v7_i8.xml -i $data/heldout --outputs-only
show $refcalib bench -m build/demo/shapes_v7_i8.xml --vs $data/shapes_v7.xml -nthreads 1 -t 3
