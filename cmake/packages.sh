#!/usr/bin/env bash
# Installs the Debian packages that the project needs, and only those that are missing. Offline it succeeds if none is.
#   packages.sh GROUP...    groups: build (the program), test (tests and benchmarks), golden (weights of the larger test networks),
#   peers (what benchmarks compare with)
set -euo pipefail

# THE LIST of packages.
declare -A packages=(
  [build]="g++ cmake ninja-build libxsimd-dev libpugixml-dev libcli11-dev libstb-dev libyaml-cpp-dev nlohmann-json3-dev libprotobuf-dev protobuf-compiler liblmdb-dev libnifti-dev zlib1g-dev"
  [test]="catch2 libbenchmark-dev"
  [golden]="python3 python3-numpy"
  [peers]="libdnnl-dev"
)

wanted=()
for group in "$@"; do
  if [[ -z ${packages[$group]:-} ]]; then
    echo "packages.sh: unknown group '$group' (${!packages[*]})" >&2
    exit 2
  fi
  read -ra names <<<"${packages[$group]}"
  wanted+=("${names[@]}")
done

if ! command -v dpkg-query >/dev/null; then
  echo "packages.sh: not a Debian system; needed there: ${wanted[*]}" >&2
  exit 0 # what is missing here, the build will name
fi

missing=()
for name in "${wanted[@]}"; do
  # shellcheck disable=SC2016 # a format of dpkg, not of the shell
  status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$name")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "packages.sh: missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  if [[ ! -t 0 ]]; then # nobody can type a password
    as_root=(sudo -n)
    if ! sudo -n true 2>/dev/null; then
      echo "packages.sh: missing: ${missing[*]}, and sudo wants a password. Run: sudo apt-get install ${missing[*]}" >&2
      exit 1
    fi
  fi
fi

echo "Installing ${missing[*]}"
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
# A stale list may still do; the installation itself decides.
"${as_root[@]}" "${apt[@]}" update || echo "packages.sh: apt-get update failed, trying with the lists at hand" >&2
if ! "${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null; then
  echo "packages.sh: apt-get could not install ${missing[*]}" >&2
  exit 1
fi
