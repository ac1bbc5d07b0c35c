#include "memory.h"

#include <cstdint>
#include <cstdlib>

#ifdef __linux__
#include <malloc.h>
#include <sys/mman.h>
#endif

namespace hokku {

void KeepFreedMemory() {
#ifdef __GLIBC__
  // Who runs the process may have settled it.
  for (const char* name : {"GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}) {
    if (std::getenv(name)) return;
  }
  // As far as the C library itself goes once a block of that size has been freed: its largest threshold.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

Napi::Value UseLargePages(const Napi::CallbackInfo& info) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = 4096;
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  const auto begin = (reinterpret_cast<uintptr_t>(buffer.Data()) + kPage - 1) / kPage * kPage;
  const auto end = (reinterpret_cast<uintptr_t>(buffer.Data()) + buffer.ByteLength()) / kPage * kPage;
  // Advice only: a system that does not take it loses nothing.
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return info.Env().Undefined();
}

}  // namespace hokku
