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
    {"ioctl_unknown", test_unknown},
    {NULL, NULL},
};
