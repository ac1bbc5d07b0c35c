/** Shared libraries by path, and the one thing that differs between platforms about them. */
#pragma once

#include <string>

namespace hokku {

/** Null with `error` set where the library cannot be loaded. Its symbols stay private; it is never unloaded. */
void* OpenLibrary(const std::string& path, std::string& error);
void* FindSymbol(void* library, const char* name);
/**
 * Keeps this addon mapped for the life of the process: Node unmaps addons when the worker thread that loaded them ends,
 * and engines keep pointers into it.
 */
void PinThisAddon();

}  // namespace hokku
