# Cross toolchain: clang and lld for 32-bit Windows, with mingw-w64's headers and libraries.
set(VIRTUALDISK_ARCH x86)
set(VIRTUALDISK_TRIPLE i686-w64-mingw32)
include(${CMAKE_CURRENT_LIST_DIR}/windows_clang.cmake)
