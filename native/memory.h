// Memory of large results, which are made anew by every run.
#pragma once

#include <napi.h>

namespace hokku {

/**
 * Keeps freed blocks in the process for the next run, where the allocator would give them back: a page that comes anew
 * from the system costs more than most operations on it. Once, for the process.
 */
void KeepFreedMemory();

/** An ArrayBuffer that nobody has touched yet: asks for large pages, of which far fewer are to be made. */
Napi::Value UseLargePages(const Napi::CallbackInfo& info);

}  // namespace hokku
