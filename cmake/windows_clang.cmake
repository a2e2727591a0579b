# Shared half of the Windows toolchains. gcc cannot build the 32-bit driver (its -mrtd drops the
# "@n" of stdcall names), so clang with lld builds both architectures.
set(CMAKE_SYSTEM_NAME Windows)
if(VIRTUALDISK_ARCH STREQUAL x64)
  set(CMAKE_SYSTEM_PROCESSOR AMD64)
else()
  set(CMAKE_SYSTEM_PROCESSOR X86)
endif()

set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET ${VIRTUALDISK_TRIPLE})
set(CMAKE_RC_COMPILER ${VIRTUALDISK_TRIPLE}-windres)
set(CMAKE_AR llvm-ar)
set(CMAKE_RANLIB llvm-ranlib)

# clang does not find the folder of Debian's mingw libgcc by itself.
execute_process(
  COMMAND ${VIRTUALDISK_TRIPLE}-gcc -print-libgcc-file-name
  OUTPUT_VARIABLE VIRTUALDISK_LIBGCC
  OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
get_filename_component(libgcc_folder ${VIRTUALDISK_LIBGCC} DIRECTORY)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-fuse-ld=lld -L${libgcc_folder}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-fuse-ld=lld -L${libgcc_folder}")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-fuse-ld=lld -L${libgcc_folder}")

set(CMAKE_FIND_ROOT_PATH /usr/${VIRTUALDISK_TRIPLE})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
