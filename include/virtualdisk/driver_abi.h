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

#define VIRTUALDISK_ABI_VERSION 2u

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
 * Parameters of a device: a property of the category above with this pid, of the type
 * DEVPROP_TYPE_..., or, where a device has no properties, the value of this name in its hardware
 * key. The property goes first. Only the file path must be there.
 *
 * Devices of the same image share it when they agree in all but Window, Letter, Access and the
 * flags NO_LETTER, PERSISTENT and VOLATILE, and when their windows do not overlap; otherwise the
 * second one does not start.
 */

/* STRING / REG_SZ: the image as an NT path, "\??\C:\a.img"; of an empty RAM disk: "ram:..." */
#define VIRTUALDISK_PID_FILE_PATH   2u
#define VIRTUALDISK_VALUE_FILE_PATH L"FilePath"

/* UINT32 / REG_DWORD: VIRTUALDISK_FLAG_...; absent: 0 */
#define VIRTUALDISK_PID_FLAGS   3u
#define VIRTUALDISK_VALUE_FLAGS L"Flags"

/* STRING / REG_SZ: the engine's name of the format; absent: raw. The driver never probes. */
#define VIRTUALDISK_PID_FORMAT   4u
#define VIRTUALDISK_VALUE_FORMAT L"Format"

/*
 * STRING_LIST / REG_MULTI_SZ: the further files of the image in the order in which opening needs
 * them, two strings each: the name as the image has it, and its NT path
 */
#define VIRTUALDISK_PID_FILES   5u
#define VIRTUALDISK_VALUE_FILES L"Files"

/* BINARY / REG_BINARY: struct virtualdisk_window; absent: the volume is the whole disk */
#define VIRTUALDISK_PID_WINDOW   6u
#define VIRTUALDISK_VALUE_WINDOW L"Window"

/*
 * STRING / REG_SZ: NT path of a differencing image over the image, which is opened in its place
 * (the image is then one of Files)
 */
#define VIRTUALDISK_PID_OVERLAY   7u
#define VIRTUALDISK_VALUE_OVERLAY L"Overlay"

/* STRING / REG_SZ: the overlay's format */
#define VIRTUALDISK_PID_OVERLAY_FORMAT   8u
#define VIRTUALDISK_VALUE_OVERLAY_FORMAT L"OverlayFormat"

/*
 * UINT64 / REG_QWORD: with FLAG_MEMORY the most bytes that writes may take; of an empty RAM disk
 * its size
 */
#define VIRTUALDISK_PID_MEMORY   9u
#define VIRTUALDISK_VALUE_MEMORY L"Memory"

/* UINT32 / REG_DWORD: of a raw image or an empty RAM disk; absent: 512 */
#define VIRTUALDISK_PID_SECTOR_SIZE   10u
#define VIRTUALDISK_VALUE_SECTOR_SIZE L"SectorSize"

/* STRING / REG_SZ: "V:", suggested to the mount manager */
#define VIRTUALDISK_PID_LETTER   11u
#define VIRTUALDISK_VALUE_LETTER L"Letter"

/* STRING / REG_SZ: SDDL of the device; absent: administrators */
#define VIRTUALDISK_PID_ACCESS   12u
#define VIRTUALDISK_VALUE_ACCESS L"Access"

#define VIRTUALDISK_FLAG_READ_ONLY     0x00000001u
#define VIRTUALDISK_FLAG_PROBED        0x00000002u /* raw by probing: refuse to become a container */
#define VIRTUALDISK_FLAG_NO_LETTER     0x00000004u /* the mount manager shall give none by itself */
#define VIRTUALDISK_FLAG_PERSISTENT    0x00000008u /* comes back when the system does */
#define VIRTUALDISK_FLAG_MEMORY        0x00000010u /* what is written is kept in memory only */
#define VIRTUALDISK_FLAG_RAM           0x00000020u /* all is kept in memory; loaded from the image */
#define VIRTUALDISK_FLAG_DETECT_ZEROES 0x00000040u /* written zeros take no space */
#define VIRTUALDISK_FLAG_VOLATILE      0x00000080u /* see VIRTUALDISK_KEY_VOLATILE */
#define VIRTUALDISK_FLAGS_KNOWN        0x000000ffu

/* Devices may differ in these and share an image all the same. */
#define VIRTUALDISK_FLAGS_OWN                                                                      \
    (VIRTUALDISK_FLAG_NO_LETTER | VIRTUALDISK_FLAG_PERSISTENT | VIRTUALDISK_FLAG_VOLATILE)

/*
 * A root-enumerated device returns when the system restarts, wanted or not. One with FLAG_VOLATILE
 * was to be gone: it starts only while its hardware key has this subkey, which whoever makes the
 * device creates as a volatile one, before the parameters. Without it no image is opened, and
 * StartStatus is STATUS_PLUGPLAY_NO_DEVICE: the device only waits for its removal. Devices of the
 * Software Device API do not return, and need neither.
 */
#define VIRTUALDISK_KEY_VOLATILE L"Volatile"

#define VIRTUALDISK_RAM_PREFIX L"ram:" /* path of a RAM disk without an image */

/* struct virtualdisk_window */
#define VIRTUALDISK_STYLE_NONE 0u /* no partition table: the volume is the whole disk */
#define VIRTUALDISK_STYLE_MBR  1u
#define VIRTUALDISK_STYLE_GPT  2u

#define VIRTUALDISK_PARTITION_NAME_CHARS 36

/* GUIDs as Windows has them in memory. What does not apply is zero. */
struct virtualdisk_window {
    uint32_t version; /* VIRTUALDISK_ABI_VERSION */
    uint32_t style;   /* VIRTUALDISK_STYLE_... */
    uint64_t offset_bytes;
    uint64_t size_bytes;    /* whole sectors, inside the disk */
    uint32_t number;        /* of the partition, from 1 */
    uint32_t mbr_signature; /* of the disk */
    uint8_t mbr_type;
    uint8_t mbr_active;
    uint8_t reserved[6];
    uint8_t disk_id[16];
    uint8_t gpt_type[16];
    uint8_t gpt_id[16];
    uint64_t gpt_attributes;
    uint16_t gpt_name[VIRTUALDISK_PARTITION_NAME_CHARS]; /* UTF-16, NUL-padded */
};

_Static_assert(sizeof(struct virtualdisk_window) == 168, "ABI: size of virtualdisk_window");
_Static_assert(offsetof(struct virtualdisk_window, number) == 24, "ABI: number");
_Static_assert(offsetof(struct virtualdisk_window, disk_id) == 40, "ABI: disk_id");
_Static_assert(offsetof(struct virtualdisk_window, gpt_attributes) == 88, "ABI: gpt_attributes");

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

/* Output: struct virtualdisk_statistics; STATUS_BUFFER_TOO_SMALL where it does not fit. */
#define IOCTL_VIRTUALDISK_QUERY_STATISTICS                                                         \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x803, METHOD_BUFFERED, FILE_READ_ACCESS)

/* Everything acknowledged reaches the disk under the image. No input, no output. */
#define IOCTL_VIRTUALDISK_FLUSH                                                                    \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x804, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

/*
 * Input: uint32_t, 0 or 1. Writes are refused from now on, or allowed: STATUS_MEDIA_WRITE_PROTECTED
 * where the image itself cannot be written.
 */
#define IOCTL_VIRTUALDISK_SET_READ_ONLY                                                            \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x805, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

/*
 * Input: uint64_t, the new size in bytes of the volume. The image grows where it is too short, and
 * a partition in its table, too; before, the caller gives the new size to the device's Window
 * parameter. STATUS_INVALID_PARAMETER for a smaller size or where something is in the way,
 * STATUS_NOT_SUPPORTED for an image that cannot grow.
 */
#define IOCTL_VIRTUALDISK_RESIZE                                                                   \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x806, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

/*
 * Opens the image once more, for all its volumes, after its file had vanished. No input, no output.
 * STATUS_WRONG_VOLUME where it is not the same image as before: another size, sector size or id, or
 * other contents in the first or last sectors. A volume whose file came back read-only is read-only
 * from then on. After a failure the volumes fail every request with STATUS_DEVICE_NOT_CONNECTED,
 * until it works.
 */
#define IOCTL_VIRTUALDISK_RECONNECT                                                                \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x807, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

/*
 * Writes what an overlay in memory holds into the image. No input, no output. STATUS_NOT_SUPPORTED
 * where there is no such overlay. A failure leaves everything in memory.
 */
#define IOCTL_VIRTUALDISK_COMMIT                                                                   \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0x808, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

#define VIRTUALDISK_STATE_READ_ONLY  0x00000001u
#define VIRTUALDISK_STATE_OPTICAL    0x00000002u /* a CD or DVD */
#define VIRTUALDISK_STATE_CAN_TRIM   0x00000004u
#define VIRTUALDISK_STATE_PERSISTENT 0x00000008u
#define VIRTUALDISK_STATE_MEMORY     0x00000010u /* writes are lost at the end */
#define VIRTUALDISK_STATE_RAM        0x00000020u
#define VIRTUALDISK_STATE_FAILING    0x00000040u /* the last transfer failed */

/*
 * Output of IOCTL_VIRTUALDISK_QUERY_STATE: this structure, followed by the image's NT path
 * (path_bytes bytes of UTF-16, without a NUL) and its overlay's (overlay_bytes). When only the
 * structure fits, it is returned with STATUS_BUFFER_OVERFLOW; less is STATUS_BUFFER_TOO_SMALL.
 */
struct virtualdisk_state {
    uint32_t version; /* VIRTUALDISK_ABI_VERSION */
    uint32_t flags;   /* VIRTUALDISK_STATE_... */
    uint64_t size_bytes;
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    uint32_t device_number;    /* N of \Device\VirtualDisk-N */
    uint32_t disk_number;      /* the same for all volumes of an image */
    uint32_t partition_number; /* 0: the volume is the whole disk */
    uint32_t requests_in_flight;
    uint64_t offset_bytes; /* of the volume on the disk */
    uint64_t used_bytes;   /* of memory, or of the image's files; 0: unknown */
    char format[16];       /* UTF-8, NUL-terminated */
    uint32_t path_bytes;
    uint32_t overlay_bytes;
};

_Static_assert(sizeof(struct virtualdisk_state) == 80, "ABI: size of virtualdisk_state");
_Static_assert(offsetof(struct virtualdisk_state, size_bytes) == 8, "ABI: size_bytes");
_Static_assert(offsetof(struct virtualdisk_state, device_number) == 24, "ABI: device_number");
_Static_assert(offsetof(struct virtualdisk_state, offset_bytes) == 40, "ABI: offset_bytes");
_Static_assert(offsetof(struct virtualdisk_state, format) == 56, "ABI: format");
_Static_assert(offsetof(struct virtualdisk_state, path_bytes) == 72, "ABI: path_bytes");

/* latency[i] counts requests that took less than 2^i microseconds, and not less than 2^(i-1). */
#define VIRTUALDISK_LATENCY_BUCKETS 28

struct virtualdisk_operations {
    uint64_t count; /* that succeeded */
    uint64_t bytes;
    uint64_t error_count;
    uint64_t latency[VIRTUALDISK_LATENCY_BUCKETS]; /* the last one: all longer ones, too */
};

/* Since the device was started. */
struct virtualdisk_statistics {
    uint32_t version; /* VIRTUALDISK_ABI_VERSION */
    uint32_t requests_in_flight;
    struct virtualdisk_operations read;
    struct virtualdisk_operations write;
    struct virtualdisk_operations flush;
    struct virtualdisk_operations trim;
};

_Static_assert(sizeof(struct virtualdisk_operations) == 248, "ABI: size of virtualdisk_operations");
_Static_assert(sizeof(struct virtualdisk_statistics) == 1000, "ABI: size of statistics");

#endif
