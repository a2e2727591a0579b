/*
 * The contract between VirtualDiskControl and VirtualDisk.sys: how a device gets its parameters,
 * how it says why it did not start, and the requests of its control interface.
 *
 * Both sides are built from this header. Integers have a fixed width, padding is explicit and
 * zero, sizes and offsets are asserted. Include windows.h or ntddk.h first (GUID, DEVPROPKEY,
 * CTL_CODE, WCHAR).
 */
#ifndef VIRTUALDISK_DRIVER_ABI_H
#define VIRTUALDISK_DRIVER_ABI_H

#include <stddef.h>
#include <stdint.h>

#define VIRTUALDISK_ABI_VERSION 1u

#define VIRTUALDISK_SERVICE_NAME  L"VirtualDisk"
#define VIRTUALDISK_HARDWARE_ID   L"Root\\VirtualDisk"
#define VIRTUALDISK_ENUMERATOR    L"VirtualDisk" /* of devices made by the Software Device API */
#define VIRTUALDISK_DEVICE_PREFIX L"\\Device\\VirtualDisk-" /* followed by a decimal number */

/* {4d0a6fb1-39c9-4e7c-9a6e-7b8a5f8f2d11}: interface class of the control requests below. */
#define VIRTUALDISK_CONTROL_INTERFACE_GUID                                                         \
    {                                                                                              \
        0x4d0a6fb1, 0x39c9, 0x4e7c,                                                                \
        {                                                                                          \
            0x9a, 0x6e, 0x7b, 0x8a, 0x5f, 0x8f, 0x2d, 0x11                                         \
        }                                                                                          \
    }

/* {8792f614-3667-4df0-9549-3ac64b51a0db}: category of the device properties. */
#define VIRTUALDISK_PROPERTY_GUID                                                                  \
    {                                                                                              \
        0x8792f614, 0x3667, 0x4df0,                                                                \
        {                                                                                          \
            0x95, 0x49, 0x3a, 0xc6, 0x4b, 0x51, 0xa0, 0xdb                                         \
        }                                                                                          \
    }

/*
 * Parameters of a device: a property of the category above with this pid or, where a device has no
 * properties, the value of this name in the device's hardware key. The property goes first.
 *
 *   file path  DEVPROP_TYPE_STRING / REG_SZ     the image as an NT path, "\??\C:\disks\disk.img"
 *   flags      DEVPROP_TYPE_UINT32 / REG_DWORD  VIRTUALDISK_FLAG_...; absent: 0
 *   format     DEVPROP_TYPE_STRING / REG_SZ     the engine's name of the format, "raw", "vhdx",
 * ...; absent: raw. The driver never probes. files      DEVPROP_TYPE_STRING_LIST / REG_MULTI_SZ the
 * further files of the image in the order in which opening needs them, two strings each: the name
 * as the image has it, and its NT path
 */
#define VIRTUALDISK_PID_FILE_PATH 2u
#define VIRTUALDISK_PID_FLAGS     3u
#define VIRTUALDISK_PID_FORMAT    4u
#define VIRTUALDISK_PID_FILES     5u

#define VIRTUALDISK_VALUE_FILE_PATH L"FilePath"
#define VIRTUALDISK_VALUE_FLAGS     L"Flags"
#define VIRTUALDISK_VALUE_FORMAT    L"Format"
#define VIRTUALDISK_VALUE_FILES     L"Files"

#define VIRTUALDISK_FLAG_READ_ONLY 0x00000001u
#define VIRTUALDISK_FLAG_PROBED    0x00000002u /* raw by probing: refuse to become a container */
#define VIRTUALDISK_FLAGS_KNOWN    0x00000003u

#define VIRTUALDISK_PATH_CHARS 32767u /* longest path, without its NUL */

/*
 * What the driver leaves in the device's hardware key when it starts or fails to: an NTSTATUS
 * (REG_DWORD; absent until the first start), and a sentence (REG_SZ; absent on success).
 */
#define VIRTUALDISK_VALUE_START_STATUS  L"StartStatus"
#define VIRTUALDISK_VALUE_START_MESSAGE L"StartMessage"

/* Requests of the control interface; for administrators (the interface's descriptor). */
#define VIRTUALDISK_DEVICE_TYPE 0x8d31u
#define IOCTL_VIRTUALDISK_QUERY_STATE                                                              \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x801, METHOD_BUFFERED, FILE_READ_ACCESS)

/*
 * Takes the device away, as if it had been unplugged: for systems whose Plug and Play cannot be
 * asked to remove one. No input, no output. Flush and dismount first.
 */
#define IOCTL_VIRTUALDISK_REMOVE                                                                   \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS)

#define VIRTUALDISK_STATE_READ_ONLY 0x00000001u

/*
 * Output of IOCTL_VIRTUALDISK_QUERY_STATE: this structure, followed by the image's NT path
 * (path_bytes bytes of UTF-16, without a NUL). When only the structure fits, it is returned with
 * STATUS_BUFFER_OVERFLOW; less is STATUS_BUFFER_TOO_SMALL.
 */
struct virtualdisk_state {
    uint32_t version; /* VIRTUALDISK_ABI_VERSION */
    uint32_t flags;   /* VIRTUALDISK_STATE_... */
    uint64_t size_bytes;
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    uint32_t device_number; /* N of \Device\VirtualDisk-N */
    uint32_t requests_in_flight;
    uint64_t read_count;
    uint64_t read_bytes;
    uint64_t write_count;
    uint64_t write_bytes;
    uint64_t flush_count;
    uint64_t error_count;
    char format[16]; /* UTF-8, NUL-terminated */
    uint32_t path_bytes;
    uint32_t reserved;
};

_Static_assert(sizeof(struct virtualdisk_state) == 104, "ABI: size of virtualdisk_state");
_Static_assert(offsetof(struct virtualdisk_state, size_bytes) == 8, "ABI: size_bytes");
_Static_assert(offsetof(struct virtualdisk_state, device_number) == 24, "ABI: device_number");
_Static_assert(offsetof(struct virtualdisk_state, read_count) == 32, "ABI: read_count");
_Static_assert(offsetof(struct virtualdisk_state, format) == 80, "ABI: format");
_Static_assert(offsetof(struct virtualdisk_state, path_bytes) == 96, "ABI: path_bytes");

#endif
