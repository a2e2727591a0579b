# Cross toolchain: clang and lld for x86_64 Windows, with mingw-w64's headers and libraries.
set(VIRTUALDISK_ARCH x64)
set(VIRTUALDISK_TRIPLE x86_64-w64-mingw32)
include(${CMAKE_CURRENT_LIST_DIR}/windows_clang.cmake)
