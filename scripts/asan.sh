#!/bin/sh
# Runs the addon's tests under AddressSanitizer and UndefinedBehaviorSanitizer, with an addon of its own in build-asan/.
set -eu
cd "$(dirname "$0")/.."
node scripts/setup.mjs
node node_modules/cmake-js/bin/cmake-js compile --log-level error --out build/asan --config RelWithDebInfo --CDHOKKU_SANITIZE=ON > build/asan.log 2>&1 || {
  cat build/asan.log >&2
  exit 1
}
# Node and the engines never free what lives as long as the process, and the engines mix their allocators.
export ASAN_OPTIONS=detect_leaks=0:alloc_dealloc_mismatch=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export HOKKU_ADDON="$PWD/build/asan/RelWithDebInfo/hokku.node"
# libstdc++ too, or exceptions are thrown before the sanitizer finds what to intercept.
LD_PRELOAD="$(${CXX:-c++} -print-file-name=libasan.so):$(${CXX:-c++} -print-file-name=libubsan.so):$(${CXX:-c++} -print-file-name=libstdc++.so.6)" \
  node --expose-gc node_modules/mocha/bin/mocha.js --no-config --timeout 600000 "${@:-dist/test/runtime/*.test.js}"
