/*
 * Every request of the volume through DeviceIoControl. The buffer rules of each answer are tested
 * natively, length by length; here it is the way through the kernel, and the answers' sense.
 */
#include "tests/driver/harness.h"

#include <winioctl.h>

#include <string.h>

#define DISK_BYTES (16u * 1024 * 1024)

/* mountdev.h is a kernel header. */
#define MOUNTDEV_QUERY_UNIQUE_ID   CTL_CODE('M', 0, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define MOUNTDEV_QUERY_DEVICE_NAME CTL_CODE('M', 2, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define MOUNTDEV_QUERY_SUGGESTED   CTL_CODE('M', 3, METHOD_BUFFERED, FILE_ANY_ACCESS)

/* So are ntddcdrm.h and ntddvol.h, or a part of them. */
#define CDROM_READ_TOC            CTL_CODE(2, 0x00, METHOD_BUFFERED, FILE_READ_ACCESS)
#define CDROM_GET_LAST_SESSION    CTL_CODE(2, 0x0e, METHOD_BUFFERED, FILE_READ_ACCESS)
#define CDROM_GET_DRIVE_GEOMETRY  CTL_CODE(2, 0x13, METHOD_BUFFERED, FILE_READ_ACCESS)
#define CDROM_READ_TOC_EX         CTL_CODE(2, 0x15, METHOD_BUFFERED, FILE_READ_ACCESS)
#define CDROM_RAW_READ            CTL_CODE(2, 0x0f, METHOD_OUT_DIRECT, FILE_READ_ACCESS)
#define DISK_ATTRIBUTES_GET       CTL_CODE(7, 0x3c, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define VOLUME_IS_PARTITION       CTL_CODE('V', 10, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define VOLUME_SET_GPT_ATTRIBUTES CTL_CODE('V', 13, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define VOLUME_UPDATE_PROPERTIES  CTL_CODE('V', 21, METHOD_BUFFERED, FILE_ANY_ACCESS)

static void open_disk(struct volume *volume, const wchar_t *options)
{
    const wchar_t *path = test_path(L"ioctl.img");

    make_file(path, DISK_BYTES);
    volume_open(volume, path, options);
}

/* An answer of a fixed size: exact length works, one byte less is refused, nothing leaks. */
static void ask(HANDLE handle, DWORD code, void *answer, DWORD answer_bytes)
{
    unsigned char roomy[1024];
    DWORD returned;

    CHECK_EQUAL(control(handle, code, NULL, 0, answer, answer_bytes, &returned), 0);
    CHECK_EQUAL(returned, answer_bytes);
    CHECK(control(handle, code, NULL, 0, roomy, answer_bytes - 1, &returned) != 0);
    CHECK_EQUAL(control(handle, code, NULL, 0, roomy, sizeof roomy, &returned), 0);
    CHECK_EQUAL(returned, answer_bytes);
}

static void test_length(void)
{
    struct volume volume;
    GET_LENGTH_INFORMATION length;

    open_disk(&volume, L"");
    ask(volume.handle, IOCTL_DISK_GET_LENGTH_INFO, &length, sizeof length);
    CHECK_EQUAL(length.Length.QuadPart, DISK_BYTES);
    volume_close(&volume);
}

static void test_geometry(void)
{
    struct volume volume;
    DISK_GEOMETRY geometry, media;

    open_disk(&volume, L"");
    ask(volume.handle, IOCTL_DISK_GET_DRIVE_GEOMETRY, &geometry, sizeof geometry);
    CHECK_EQUAL(geometry.BytesPerSector, 512);
    CHECK_EQUAL(geometry.MediaType, FixedMedia);
    CHECK((uint64_t)geometry.Cylinders.QuadPart * geometry.TracksPerCylinder *
              geometry.SectorsPerTrack * geometry.BytesPerSector <=
          DISK_BYTES);
    CHECK(geometry.Cylinders.QuadPart > 0);
    ask(volume.handle, IOCTL_DISK_GET_MEDIA_TYPES, &media, sizeof media);
    CHECK(memcmp(&geometry, &media, sizeof media) == 0);
    volume_close(&volume);
}

static void test_device_number(void)
{
    struct volume volume;
    STORAGE_DEVICE_NUMBER number;

    open_disk(&volume, L"");
    ask(volume.handle, IOCTL_STORAGE_GET_DEVICE_NUMBER, &number, sizeof number);
    CHECK_EQUAL(number.DeviceType, FILE_DEVICE_DISK);
    volume_close(&volume);
}

static void test_hotplug(void)
{
    struct volume volume;
    STORAGE_HOTPLUG_INFO hotplug;

    open_disk(&volume, L"");
    ask(volume.handle, IOCTL_STORAGE_GET_HOTPLUG_INFO, &hotplug, sizeof hotplug);
    CHECK_EQUAL(hotplug.Size, sizeof hotplug);
    CHECK_EQUAL(hotplug.MediaRemovable, FALSE); /* as the geometry says: fixed */
    volume_close(&volume);
}

static void test_is_writable(void)
{
    struct volume volume;

    open_disk(&volume, L"");
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0, NULL), 0);
    volume_close(&volume);
    open_disk(&volume, L"--read-only");
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0, NULL),
                ERROR_WRITE_PROTECT);
    volume_close(&volume);
}

/* A name or id of variable length behind a 16-bit count. */
static DWORD ask_counted(HANDLE handle, DWORD code, unsigned char *answer, DWORD answer_bytes)
{
    DWORD returned;
    unsigned char count_only[2];
    uint16_t count;

    CHECK_EQUAL(control(handle, code, NULL, 0, answer, answer_bytes, &returned), 0);
    memcpy(&count, answer, sizeof count);
    CHECK_EQUAL(returned, count + 2u);
    CHECK(count > 0);
    /* Where only the count fits, it is told, with "more data". */
    CHECK_EQUAL(control(handle, code, NULL, 0, answer, 4, &returned), ERROR_MORE_DATA);
    memcpy(count_only, answer, 2);
    CHECK(memcmp(count_only, &count, 2) == 0);
    CHECK(control(handle, code, NULL, 0, answer, 1, &returned) != 0);
    CHECK_EQUAL(control(handle, code, NULL, 0, answer, answer_bytes, &returned), 0);
    return count;
}

static void test_device_name(void)
{
    static const wchar_t prefix[] = L"\\Device\\VirtualDisk-";
    struct volume volume;
    unsigned char answer[512];
    DWORD count;

    open_disk(&volume, L"");
    count = ask_counted(volume.handle, MOUNTDEV_QUERY_DEVICE_NAME, answer, sizeof answer);
    CHECK(count > sizeof prefix - sizeof(wchar_t));
    CHECK(memcmp(answer + 2, prefix, sizeof prefix - sizeof(wchar_t)) == 0);
    volume_close(&volume);
}

/* The id stays the same for an image, however its path is spelled, and differs between images. */
static void test_unique_id(void)
{
    struct volume volume;
    unsigned char first[512] = {0}, second[512] = {0}, other[512] = {0};
    wchar_t spelled[PATH_CHARS];
    DWORD count;

    open_disk(&volume, L"");
    count = ask_counted(volume.handle, MOUNTDEV_QUERY_UNIQUE_ID, first, sizeof first);
    volume_close(&volume);

    wcscpy(spelled, test_path(L".\\IOCTL.img"));
    volume_open(&volume, spelled, L"");
    CHECK_EQUAL(ask_counted(volume.handle, MOUNTDEV_QUERY_UNIQUE_ID, second, sizeof second), count);
    CHECK(memcmp(first, second, count + 2) == 0);
    volume_close(&volume);

    make_file(test_path(L"other.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"other.img"), L"");
    ask_counted(volume.handle, MOUNTDEV_QUERY_UNIQUE_ID, other, sizeof other);
    CHECK(memcmp(first, other, sizeof other) != 0);
    volume_close(&volume);
}

static void test_capacity(void)
{
    struct volume volume;
    STORAGE_READ_CAPACITY capacity;
    GET_MEDIA_TYPES types;
    DISK_GEOMETRY_EX geometry = {0};
    DWORD returned;

    open_disk(&volume, L"");
    ask(volume.handle, IOCTL_STORAGE_READ_CAPACITY, &capacity, sizeof capacity);
    CHECK_EQUAL(capacity.DiskLength.QuadPart, DISK_BYTES);
    CHECK_EQUAL(capacity.NumberOfBlocks.QuadPart * capacity.BlockLength, DISK_BYTES);
    ask(volume.handle, IOCTL_STORAGE_GET_MEDIA_TYPES_EX, &types, sizeof types);
    CHECK_EQUAL(types.DeviceType, FILE_DEVICE_DISK);
    CHECK_EQUAL(types.MediaInfo[0].DeviceSpecific.DiskInfo.MediaCharacteristics,
                MEDIA_READ_WRITE | MEDIA_CURRENTLY_MOUNTED);
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, NULL, 0, &geometry,
                        sizeof geometry, &returned),
                0);
    CHECK_EQUAL(geometry.DiskSize.QuadPart, DISK_BYTES);
    volume_close(&volume);
}

/* A partition table with one partition. */
static void make_mbr(const wchar_t *path, uint32_t first_sector, uint32_t sector_count)
{
    unsigned char sector[512] = {0};
    DWORD written;
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);

    CHECK(file != INVALID_HANDLE_VALUE);
    memcpy(sector + 440, "\x78\x56\x34\x12", 4);
    sector[446] = 0x80;
    sector[446 + 4] = 0x0c;
    memcpy(sector + 446 + 8, &first_sector, sizeof first_sector);
    memcpy(sector + 446 + 12, &sector_count, sizeof sector_count);
    sector[510] = 0x55;
    sector[511] = 0xaa;
    CHECK(WriteFile(file, sector, sizeof sector, &written, NULL));
    CloseHandle(file);
}

/* All who say where the volume lies say the same. */
static void check_place(HANDLE handle, uint64_t offset_bytes, uint64_t size_bytes, DWORD number)
{
    STORAGE_DEVICE_NUMBER device;
    PARTITION_INFORMATION old;
    PARTITION_INFORMATION_EX partition;
    DRIVE_LAYOUT_INFORMATION_EX layout;
    VOLUME_DISK_EXTENTS extents;
    GET_LENGTH_INFORMATION length;

    ask(handle, IOCTL_STORAGE_GET_DEVICE_NUMBER, &device, sizeof device);
    CHECK_EQUAL(device.PartitionNumber, number == 0 ? (DWORD)-1 : number);
    ask(handle, IOCTL_DISK_GET_PARTITION_INFO, &old, sizeof old);
    CHECK_EQUAL(old.StartingOffset.QuadPart, offset_bytes);
    CHECK_EQUAL(old.PartitionLength.QuadPart, size_bytes);
    CHECK_EQUAL(old.PartitionNumber, number);
    ask(handle, IOCTL_DISK_GET_PARTITION_INFO_EX, &partition, sizeof partition);
    CHECK_EQUAL(partition.PartitionStyle, PARTITION_STYLE_MBR);
    CHECK_EQUAL(partition.StartingOffset.QuadPart, offset_bytes);
    CHECK_EQUAL(partition.PartitionLength.QuadPart, size_bytes);
    CHECK_EQUAL(partition.PartitionNumber, number);
    CHECK_EQUAL(partition.Mbr.PartitionType, old.PartitionType);
    ask(handle, IOCTL_DISK_GET_DRIVE_LAYOUT_EX, &layout, sizeof layout);
    CHECK_EQUAL(layout.PartitionCount, 1);
    CHECK(memcmp(&layout.PartitionEntry[0], &partition, sizeof partition) == 0);
    ask(handle, IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, &extents, sizeof extents);
    CHECK_EQUAL(extents.NumberOfDiskExtents, 1);
    CHECK_EQUAL(extents.Extents[0].DiskNumber, device.DeviceNumber);
    CHECK_EQUAL(extents.Extents[0].StartingOffset.QuadPart, offset_bytes);
    CHECK_EQUAL(extents.Extents[0].ExtentLength.QuadPart, size_bytes);
    ask(handle, IOCTL_DISK_GET_LENGTH_INFO, &length, sizeof length);
    CHECK_EQUAL(length.Length.QuadPart, size_bytes);
    CHECK_EQUAL(control(handle, VOLUME_IS_PARTITION, NULL, 0, NULL, 0, NULL) == 0, number != 0);
}

static void test_place(void)
{
    struct volume volume;
    DRIVE_LAYOUT_INFORMATION_EX layout;

    open_disk(&volume, L"");
    check_place(volume.handle, 0, DISK_BYTES, 0);
    volume_close(&volume);
    make_mbr(volume.image, 2048, 16384);
    volume_open(&volume, volume.image, L"--partition 1");
    check_place(volume.handle, 1048576, 8388608, 1);
    ask(volume.handle, IOCTL_DISK_GET_DRIVE_LAYOUT_EX, &layout, sizeof layout);
    CHECK_EQUAL(layout.Mbr.Signature, 0x12345678);
    CHECK_EQUAL(layout.PartitionEntry[0].Mbr.PartitionType, 0x0c);
    volume_close(&volume);
}

static void test_attributes(void)
{
    struct volume volume;
    struct {
        DWORD version, reserved;
        ULONGLONG attributes;
    } attributes;
    VOLUME_GET_GPT_ATTRIBUTES_INFORMATION gpt;

    open_disk(&volume, L"");
    ask(volume.handle, DISK_ATTRIBUTES_GET, &attributes, sizeof attributes);
    CHECK_EQUAL(attributes.version, sizeof attributes);
    CHECK_EQUAL(attributes.attributes, 0);
    ask(volume.handle, IOCTL_VOLUME_GET_GPT_ATTRIBUTES, &gpt, sizeof gpt);
    CHECK_EQUAL(gpt.GptAttributes, 0);
    CHECK_EQUAL(control(volume.handle, VOLUME_UPDATE_PROPERTIES, NULL, 0, NULL, 0, NULL), 0);
    volume_close(&volume);
    open_disk(&volume, L"--read-only");
    ask(volume.handle, DISK_ATTRIBUTES_GET, &attributes, sizeof attributes);
    CHECK_EQUAL(attributes.attributes, 2); /* DISK_ATTRIBUTE_READ_ONLY */
    ask(volume.handle, IOCTL_VOLUME_GET_GPT_ATTRIBUTES, &gpt, sizeof gpt);
    CHECK_EQUAL(gpt.GptAttributes, GPT_BASIC_DATA_ATTRIBUTE_READ_ONLY);
    volume_close(&volume);
}

static DWORD ask_property(HANDLE handle, DWORD id, void *answer, DWORD answer_bytes)
{
    const DWORD query[3] = {id, 0, 0};
    DWORD returned;

    memset(answer, 0, answer_bytes);
    return control(handle, IOCTL_STORAGE_QUERY_PROPERTY, query, sizeof query, answer, answer_bytes,
                   &returned);
}

static void test_properties(void)
{
    struct volume volume;
    unsigned char answer[512];
    const STORAGE_DEVICE_DESCRIPTOR *device = (const void *)answer;

    open_disk(&volume, L"");
    CHECK_EQUAL(ask_property(volume.handle, 0, answer, sizeof answer), 0);
    CHECK_EQUAL(device->RemovableMedia, FALSE);
    CHECK(strcmp((const char *)answer + device->ProductIdOffset, "Disk image") == 0);
    CHECK_EQUAL(strlen((const char *)answer + device->SerialNumberOffset), 32);
    CHECK_EQUAL(ask_property(volume.handle, 2, answer, sizeof answer), 0);
    CHECK_EQUAL(ask_property(volume.handle, 4, answer, sizeof answer), 0);
    CHECK_EQUAL(answer[24], 1); /* FlushCacheSupported */
    CHECK_EQUAL(ask_property(volume.handle, 5, answer, sizeof answer), ERROR_NOT_SUPPORTED);
    volume_close(&volume);
}

/* The letter that was asked for is the one that the mount manager is told. */
static void test_suggested_link(void)
{
    static const wchar_t link[] = L"\\DosDevices\\Q:";
    struct volume volume;
    unsigned char answer[64];
    DWORD returned;

    open_disk(&volume, L"--letter Q:");
    CHECK_EQUAL(
        control(volume.handle, MOUNTDEV_QUERY_SUGGESTED, NULL, 0, answer, sizeof answer, &returned),
        0);
    CHECK_EQUAL(returned, 4 + sizeof link - sizeof(wchar_t));
    CHECK(memcmp(answer + 4, link, sizeof link - sizeof(wchar_t)) == 0);
    CHECK_EQUAL(control(volume.handle, MOUNTDEV_QUERY_SUGGESTED, NULL, 0, answer, 6, &returned),
                ERROR_MORE_DATA);
    volume_close(&volume);
}

/* What a disk does not do, and what nobody may: refused, and nothing happens. */
static void test_refused(void)
{
    static const DWORD codes[] = {IOCTL_DISK_SET_DRIVE_LAYOUT,
                                  IOCTL_DISK_SET_DRIVE_LAYOUT_EX,
                                  IOCTL_DISK_CREATE_DISK,
                                  IOCTL_DISK_DELETE_DRIVE_LAYOUT,
                                  IOCTL_DISK_FORMAT_TRACKS,
                                  IOCTL_STORAGE_EJECT_MEDIA,
                                  IOCTL_STORAGE_LOAD_MEDIA,
                                  IOCTL_VOLUME_OFFLINE,
                                  VOLUME_SET_GPT_ATTRIBUTES,
                                  CDROM_READ_TOC,
                                  CDROM_RAW_READ};
    unsigned char buffer[1024];
    struct volume volume;

    open_disk(&volume, L"");
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        memset(buffer, 0, sizeof buffer);
        CHECK_EQUAL(
            control(volume.handle, codes[i], buffer, sizeof buffer, buffer, sizeof buffer, NULL),
            ERROR_INVALID_FUNCTION);
    }
    volume_close(&volume);
}

/*
 * An ejected CD says that it has failed for good, and Plug and Play takes it away. Wine does not:
 * here it is seen that the request succeeds, and that the image can be closed.
 */
static void test_eject(void)
{
    struct volume volume;
    struct outcome outcome;

    make_file(test_path(L"eject.iso"), DISK_BYTES);
    volume_open(&volume, test_path(L"eject.iso"), L"--format iso");
    CHECK_EQUAL(control(volume.handle, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, NULL), 0);
    CloseHandle(volume.handle);
    run_control(&outcome, L"close \"%ls\"", test_path(L"eject.iso"));
    CHECK_EQUAL(outcome.exit_code, 0);
    make_file(test_path(L"eject.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"eject.img"), L"");
    CHECK_EQUAL(control(volume.handle, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, NULL),
                ERROR_INVALID_FUNCTION);
    volume_close(&volume);
}

static void test_cd(void)
{
    struct volume volume;
    DISK_GEOMETRY geometry;
    STORAGE_DEVICE_NUMBER number;
    STORAGE_HOTPLUG_INFO hotplug;
    unsigned char toc[804], session[12], query[4] = {0};
    DWORD returned;

    make_file(test_path(L"ioctl.iso"), DISK_BYTES);
    volume_open(&volume, test_path(L"ioctl.iso"), L"--format iso");
    ask(volume.handle, CDROM_GET_DRIVE_GEOMETRY, &geometry, sizeof geometry);
    CHECK_EQUAL(geometry.MediaType, RemovableMedia);
    CHECK_EQUAL(geometry.BytesPerSector, 2048);
    ask(volume.handle, IOCTL_STORAGE_GET_DEVICE_NUMBER, &number, sizeof number);
    CHECK_EQUAL(number.DeviceType, FILE_DEVICE_CD_ROM);
    ask(volume.handle, IOCTL_STORAGE_GET_HOTPLUG_INFO, &hotplug, sizeof hotplug);
    CHECK_EQUAL(hotplug.MediaRemovable, TRUE);
    ask(volume.handle, CDROM_GET_LAST_SESSION, session, sizeof session);
    CHECK_EQUAL(session[3], 1);
    CHECK_EQUAL(control(volume.handle, CDROM_READ_TOC, NULL, 0, toc, sizeof toc, &returned), 0);
    CHECK_EQUAL(returned, 20);
    CHECK_EQUAL(
        control(volume.handle, CDROM_READ_TOC_EX, query, sizeof query, toc, sizeof toc, &returned),
        0);
    CHECK_EQUAL(returned, 20);
    CHECK_EQUAL(toc[18] << 8 | toc[19], DISK_BYTES / 2048); /* the lead-out */
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0, NULL),
                ERROR_WRITE_PROTECT);
    CHECK_EQUAL(control(volume.handle, IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, NULL, 0, toc,
                        sizeof toc, &returned),
                ERROR_INVALID_FUNCTION);
    volume_close(&volume);
}

static void test_unknown(void)
{
    struct volume volume;
    unsigned char buffer[64];

    open_disk(&volume, L"");
    CHECK_EQUAL(control(volume.handle, CTL_CODE(0x1234, 0x777, METHOD_BUFFERED, FILE_ANY_ACCESS),
                        buffer, sizeof buffer, buffer, sizeof buffer, NULL),
                ERROR_INVALID_FUNCTION);
    volume_close(&volume);
}

const struct test_case ioctl_cases[] = {
    {"ioctl_length", test_length},
    {"ioctl_geometry", test_geometry},
    {"ioctl_device_number", test_device_number},
    {"ioctl_hotplug", test_hotplug},
    {"ioctl_is_writable", test_is_writable},
    {"ioctl_device_name", test_device_name},
    {"ioctl_unique_id", test_unique_id},
    {"ioctl_capacity", test_capacity},
    {"ioctl_place", test_place},
    {"ioctl_attributes", test_attributes},
    {"ioctl_properties", test_properties},
    {"ioctl_suggested_link", test_suggested_link},
    {"ioctl_refused", test_refused},
    {"ioctl_cd", test_cd},
    {"ioctl_eject", test_eject},
    {"ioctl_unknown", test_unknown},
    {NULL, NULL},
};
