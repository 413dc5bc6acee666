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
fp32=$data/shapes_v7.xml
int8=build/demo/shapes_v7_i8.xml
show $refcalib calibrate -sm -m $fp32 -s $data/calibration -o build/demo

echo
echo "Accuracy on 300 images that neither training nor calibration saw: FP32, then INT8"
show $refcalib infer -m $fp32 -i $data/heldout --labels $data/heldout.txt
show $refcalib infer -m $int8 -i $data/heldout --labels $data/heldout.txt

# The best class of every image, one line each: "heldout/000.png: 5 (0.98)" becomes "heldout/000.png: 5".
answers() {
  $refcalib infer -m "$1" -i $data/heldout --top 1 | sed -n 's/^\(.*\.png: [0-9]*\) (.*/\1/p' | tee "build/demo/$2"
}
images=$(answers $fp32 answers_fp32.txt | wc -l)
same=$(answers $int8 answers_int8.txt | grep -cxFf build/demo/answers_fp32.txt || true)
((images)) || { echo "demo.sh: no answers printed" >&2; exit 1; }
echo
echo "Agreement: FP32 and INT8 give the same answer for $same of $images images"

show $refcalib bench -m $int8 --vs $fp32 -nthreads 1 -t 3
