#!/usr/bin/env bash
# Runs hokku on a bare GPU machine, from the parts that scripts/gpu-bundle.mjs made. Needs bash, tar, gzip, python3.
#
#   scripts/gpu-run.sh PARTS_DIR              doctor, the GPU tests and the benchmarks; results go to $OUT
#   scripts/gpu-run.sh PARTS_DIR COMMAND…     a command of your own, in the unpacked folder
#
# Parts may come a few at a time: each call puts aside those it finds, and while some are missing it says so and ends
# with 0, so that the next call can bring them. PARTS_DIR always holds manifest.json.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
parts=$1; shift
[ -f "$parts/manifest.json" ] || { echo "gpu-run: $parts has no manifest.json: carry it along with the parts." >&2; exit 2; }
out=${OUT:-$PWD/out/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)

manifest() { python3 -c "import json,sys; m=json.load(open(sys.argv[1])); $1" "$parts/manifest.json"; }
id=$(manifest 'print(m["id"])')
store=${HOKKU_PARTS:-/tmp/hokku-parts}/$id
home=${HOKKU_HOME:-/tmp/hokku-gpu}/$id
digest() { python3 -c 'import hashlib,sys; print(hashlib.file_digest(open(sys.argv[1],"rb"),"sha256").hexdigest() if hasattr(hashlib,"file_digest") else hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$1"; }

if [ ! -f "$home/complete" ]; then
  mkdir -p "$store"
  missing=() names=()
  while read -r name sha; do
    names+=("$name")
    if [ -f "$parts/$name" ] && [ ! -f "$store/$name" ]; then
      cp "$parts/$name" "$store/$name.new"
      # A damaged part is not put aside: the next call must bring it again.
      [ "$(digest "$store/$name.new")" = "$sha" ] || { rm "$store/$name.new"; echo "gpu-run: $name is damaged: its SHA-256 is not the manifest's." >&2; exit 1; }
      mv "$store/$name.new" "$store/$name"
    fi
    [ -f "$store/$name" ] || missing+=("$name")
  done < <(manifest '[print(p["name"], p["sha256"]) for p in m["parts"]]')
  if [ ${#missing[@]} -gt 0 ]; then
    echo "gpu-run: $((${#names[@]} - ${#missing[@]})) of ${#names[@]} parts are here; still missing: ${missing[*]}"
    exit 0
  fi
  rm -rf "$home"
  mkdir -p "$home"
  (cd "$store" && cat "${names[@]}") | tar -xzf - -C "$home"
  touch "$home/complete"
  rm -rf "$store"
fi

# CUDA 13 and cuDNN 9 lie inside the Python packages that PyTorch brings; elsewhere the loader finds them by itself.
libraries=$(python3 - <<'PYTHON'
import glob, os, site, sys
roots = dict.fromkeys([*sys.path, *site.getsitepackages(), site.getusersitepackages()])
found = [d for r in roots if r for p in ('nvidia/*/lib', 'nvidia/*/lib64') for d in sorted(glob.glob(os.path.join(r, p)))]
# CUDA 13 comes before what an older CUDA may have left beside it.
print(':'.join(sorted(dict.fromkeys(found), key=lambda d: 'cu13' not in d)))
PYTHON
)
[ -z "$libraries" ] || export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PATH="$home/bin:$PATH" OUT="$out" NO_COLOR=1
cd "$home"

if [ $# -gt 0 ]; then exec "$@"; fi

node dist/lib/cli/main.js doctor || true
node dist/lib/cli/main.js doctor --json > "$out/doctor.json" || true
rm -f "$out/tests.jsonl" "$out/crashes.txt"
failed=0
# A process each: a test that kills its process takes no other with it.
for file in dist/test/gpu/*.test.js; do
  status=0
  HOKKU_RESULTS="$out/tests.jsonl" timeout 240 node --expose-gc --enable-source-maps node_modules/mocha/bin/mocha.js --no-config --timeout 60000 --reporter scripts/gpu/reporter.cjs "$file" || status=$?
  if [ $status -ne 0 ]; then
    failed=1
    # More than 127: a signal, or the time limit; fewer is the number of failed tests.
    if [ $status -gt 123 ]; then echo "- $(basename "$file"): exit code $status" | tee -a "$out/crashes.txt"; fi
  fi
done
if node --input-type=module -e 'import { devices } from "hokku/jax"; process.exitCode = devices("cuda").length > 0 ? 0 : 1' 2>/dev/null; then
  timeout 200 node --expose-gc dist/bench/main.js notebook mlp --engine onnxruntime-training --device cuda --rounds 5 --out "$out/bench" || failed=1
else
  echo "gpu-run: no CUDA device was found, so nothing is measured."
fi
node scripts/gpu/report.mjs "$out"
exit $failed
