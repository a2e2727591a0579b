/* Libraries of the system that are loaded when they are needed, because not every system has them.
 */
#ifndef VIRTUALDISK_CONTROL_SYSTEM_LIBRARY_H
#define VIRTUALDISK_CONTROL_SYSTEM_LIBRARY_H

#include <windows.h>

/*
 * The library of this name in the system's folder and nowhere else: this program runs as an
 * administrator, from a folder in which anybody's library of the same name may lie. NULL: none.
 */
HMODULE vdisk_system_library(const wchar_t *name);

#endif
