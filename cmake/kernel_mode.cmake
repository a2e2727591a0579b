# How kernel-mode code is compiled and linked: the interface target `kernel_mode` and the function
# virtualdisk_add_driver(name sources...).

add_library(kernel_mode INTERFACE)
target_compile_options(
  kernel_mode
  INTERFACE
    -ffreestanding
    -fno-stack-protector
    -mno-stack-arg-probe
    -funwind-tables
    # A kernel stack is 12 KiB on x86 and shared with the file systems above and below.
    -Wframe-larger-than=512)
target_compile_definitions(
  kernel_mode
  INTERFACE
    _WIN32_WINNT=0x0A00
    NTDDI_VERSION=0x0A000000
    # winnt.h and wdm.h of mingw-w64 both define these two; only wdm.h's may stay.
    __INTRINSIC_DEFINED_InterlockedBitTestAndSet
    __INTRINSIC_DEFINED_InterlockedBitTestAndReset)
target_include_directories(kernel_mode SYSTEM
                           INTERFACE /usr/${VIRTUALDISK_TRIPLE}/include/ddk)
if(VIRTUALDISK_ARCH STREQUAL x64)
  # Interrupts push onto the kernel's stack: nothing may live below the stack pointer.
  target_compile_options(kernel_mode INTERFACE -mno-red-zone)
  set(VIRTUALDISK_IMAGE_BASE 0x140000000)
  set(VIRTUALDISK_SUBSYSTEM native:10.0)
  set(VIRTUALDISK_ENTRY_PREFIX "")
  set(VIRTUALDISK_ENTRY_SUFFIX "")
else()
  # Every callback and KMDF table entry is stdcall. SSE registers belong to user mode.
  target_compile_options(kernel_mode INTERFACE -mrtd -mno-sse -mno-mmx)
  set(VIRTUALDISK_IMAGE_BASE 0x400000)
  set(VIRTUALDISK_SUBSYSTEM native:5.2)
  set(VIRTUALDISK_ENTRY_PREFIX "_")
  set(VIRTUALDISK_ENTRY_SUFFIX "@8")
endif()

# virtualdisk_add_driver(<target> [ENTRY name] SOURCES ... [LIBRARIES ...])
# Links <target>.sys. ENTRY is FxDriverEntry unless given.
function(virtualdisk_add_driver target)
  cmake_parse_arguments(ARG "" "ENTRY" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_ENTRY)
    set(ARG_ENTRY FxDriverEntry)
  endif()
  add_executable(${target} ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES SUFFIX .sys)
  target_link_libraries(${target} PRIVATE kernel_mode ${ARG_LIBRARIES} -lntoskrnl -lhal
                                          ${VIRTUALDISK_LIBGCC})
  target_link_options(
    ${target}
    PRIVATE
    -nostdlib
    -nostartfiles
    -Wl,--subsystem,${VIRTUALDISK_SUBSYSTEM}
    -Wl,--dynamicbase
    -Wl,--nxcompat
    -Wl,--image-base,${VIRTUALDISK_IMAGE_BASE}
    -Wl,--file-alignment,0x200
    -Wl,--no-insert-timestamp
    -Wl,--entry,${VIRTUALDISK_ENTRY_PREFIX}${ARG_ENTRY}${VIRTUALDISK_ENTRY_SUFFIX})
  if(VIRTUALDISK_ARCH STREQUAL x64)
    target_link_options(${target} PRIVATE -Wl,--high-entropy-va)
  endif()
  # Debug information stays behind in <target>.sys.debug. lld leaves the checksum zero; the kernel
  # refuses a driver whose checksum is wrong.
  add_custom_command(
    TARGET ${target}
    POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:${target}> $<TARGET_FILE:${target}>.debug
    COMMAND llvm-strip --strip-debug $<TARGET_FILE:${target}>
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/pe_checksum.py
            $<TARGET_FILE:${target}>
    VERBATIM)
endfunction()
