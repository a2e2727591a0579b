/*
 * What the demo does with a volume that is open: asks it, formats it, and moves files in and out,
 * all through \\.\V: and plain Win32 calls.
 *
 *   demo_volume ask V:
 *   demo_volume format V: LABEL
 *   demo_volume put V: FILE NAME8.3
 *   demo_volume get V: NAME8.3 FILE
 *   demo_volume save V: FILE
 *
 * Wine mounts no file system on a volume, so put and get walk the FAT themselves (FAT16, root
 * directory, which is what a fresh disk of 100 MB has).
 */
#include "engine/base/endian.h"
#include "engine/filesystem/fat.h"

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>
#include <stdlib.h>

#define MOUNTDEV_QUERY_UNIQUE_ID   CTL_CODE('M', 0, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define MOUNTDEV_QUERY_DEVICE_NAME CTL_CODE('M', 2, METHOD_BUFFERED, FILE_ANY_ACCESS)

#define ENTRY_BYTES 32u
#define NAME_CHARS  11u
#define SAVE_BYTES  (1u << 20)

/* The volume as the engine's disk, so that the engine's formatter writes through the driver. */
struct volume {
    struct vdisk_disk disk; /* first */
    HANDLE handle;
};

static void fail(const char *what)
{
    fprintf(stderr, "demo_volume: %s failed with error %lu\n", what, GetLastError());
    exit(1);
}

static void transfer(struct vdisk_disk *disk, BOOL write, uint64_t offset_bytes, void *buffer,
                     size_t length_bytes)
{
    HANDLE handle = ((struct volume *)disk)->handle;
    OVERLAPPED at = {.Offset = (DWORD)offset_bytes, .OffsetHigh = (DWORD)(offset_bytes >> 32)};
    DWORD done = 0;
    const BOOL worked = write ? WriteFile(handle, buffer, (DWORD)length_bytes, &done, &at)
                              : ReadFile(handle, buffer, (DWORD)length_bytes, &done, &at);

    if (!worked || done != length_bytes)
        fail(write ? "a write to the volume" : "a read from the volume");
}

static enum vdisk_status volume_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                     size_t length_bytes, struct vdisk_error *error)
{
    (void)error;
    transfer(disk, FALSE, offset_bytes, buffer, length_bytes);
    return VDISK_OK;
}

static enum vdisk_status volume_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                      const void *buffer, size_t length_bytes,
                                      struct vdisk_error *error)
{
    (void)error;
    transfer(disk, TRUE, offset_bytes, (void *)buffer, length_bytes);
    return VDISK_OK;
}

static enum vdisk_status volume_flush(struct vdisk_disk *disk, struct vdisk_error *error)
{
    (void)error;
    if (!FlushFileBuffers(((struct volume *)disk)->handle))
        fail("flushing the volume");
    return VDISK_OK;
}

static const struct vdisk_disk_ops volume_ops = {
    .read = volume_read, .write = volume_write, .flush = volume_flush};

static DWORD ask(const struct volume *volume, const char *name, DWORD code, void *answer,
                 DWORD answer_bytes)
{
    DWORD returned;

    if (!DeviceIoControl(volume->handle, code, NULL, 0, answer, answer_bytes, &returned, NULL))
        fail(name);
    return returned;
}

static void open_volume(struct volume *volume, const wchar_t *letter)
{
    GET_LENGTH_INFORMATION length;
    DISK_GEOMETRY geometry;
    wchar_t name[16];

    _snwprintf(name, 16, L"\\\\.\\%ls", letter);
    volume->handle = CreateFileW(name, GENERIC_READ | GENERIC_WRITE,
                                 FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (volume->handle == INVALID_HANDLE_VALUE)
        fail("opening the volume");
    ask(volume, "IOCTL_DISK_GET_LENGTH_INFO", IOCTL_DISK_GET_LENGTH_INFO, &length, sizeof length);
    ask(volume, "IOCTL_DISK_GET_DRIVE_GEOMETRY", IOCTL_DISK_GET_DRIVE_GEOMETRY, &geometry,
        sizeof geometry);
    volume->disk = (struct vdisk_disk){
        .ops = &volume_ops,
        .size_bytes = (uint64_t)length.Length.QuadPart,
        .logical_sector_bytes = geometry.BytesPerSector,
        .physical_sector_bytes = geometry.BytesPerSector,
    };
}

static void print_mount_answers(const struct volume *volume)
{
    unsigned char answer[1024] = {0};

    ask(volume, "IOCTL_MOUNTDEV_QUERY_DEVICE_NAME", MOUNTDEV_QUERY_DEVICE_NAME, answer,
        sizeof answer - 2);
    printf("  name        %.*ls\n", vdisk_load_le16(answer) / 2, (const wchar_t *)(answer + 2));
    ask(volume, "IOCTL_MOUNTDEV_QUERY_UNIQUE_ID", MOUNTDEV_QUERY_UNIQUE_ID, answer, sizeof answer);
    printf("  unique id   ");
    for (uint32_t i = 0; i < vdisk_load_le16(answer); i++)
        printf("%02x", answer[2 + i]);
    printf("\n");
}

static void run_ask(struct volume *volume)
{
    DISK_GEOMETRY geometry;
    STORAGE_HOTPLUG_INFO hotplug;
    STORAGE_DEVICE_NUMBER number;
    DWORD returned;

    print_mount_answers(volume);
    printf("  size        %llu bytes\n", (unsigned long long)volume->disk.size_bytes);
    ask(volume, "IOCTL_DISK_GET_DRIVE_GEOMETRY", IOCTL_DISK_GET_DRIVE_GEOMETRY, &geometry,
        sizeof geometry);
    printf("  geometry    %llu cylinders x %lu tracks x %lu sectors of %lu bytes\n",
           (unsigned long long)geometry.Cylinders.QuadPart, geometry.TracksPerCylinder,
           geometry.SectorsPerTrack, geometry.BytesPerSector);
    ask(volume, "IOCTL_STORAGE_GET_DEVICE_NUMBER", IOCTL_STORAGE_GET_DEVICE_NUMBER, &number,
        sizeof number);
    printf("  device      type %lu, number %lu\n", number.DeviceType, number.DeviceNumber);
    ask(volume, "IOCTL_STORAGE_GET_HOTPLUG_INFO", IOCTL_STORAGE_GET_HOTPLUG_INFO, &hotplug,
        sizeof hotplug);
    printf("  medium      %s\n", hotplug.MediaRemovable ? "removable" : "fixed");
    printf("  writable    %s\n", DeviceIoControl(volume->handle, IOCTL_DISK_IS_WRITABLE, NULL, 0,
                                                 NULL, 0, &returned, NULL)
                                     ? "yes"
                                     : "no");
}

static void run_format(struct volume *volume, const wchar_t *wide_label)
{
    struct vdisk_fat_layout layout;
    struct vdisk_error error;
    char label[NAME_CHARS + 1];

    snprintf(label, sizeof label, "%ls", wide_label);
    if (vdisk_fat_plan(&volume->disk, &layout, &error) != VDISK_OK ||
        vdisk_fat_format(&volume->disk, label, &error) != VDISK_OK) {
        fprintf(stderr, "demo_volume: formatting failed: %s\n",
                error.reason != NULL ? error.reason : vdisk_status_text(error.status));
        exit(1);
    }
    printf("  FAT%u, %u clusters of %u bytes, label %s\n", layout.kind, layout.cluster_count,
           layout.cluster_sectors * layout.sector_bytes, label);
}

/* A FAT16 file system that is laid out as the boot sector on the volume says. */
struct fat16 {
    struct volume *volume;
    uint32_t cluster_bytes;
    uint64_t fat_bytes; /* offset of the first FAT */
    uint32_t fat_length;
    uint64_t root_bytes;
    uint32_t root_length;
    uint64_t data_bytes;
    unsigned char *fat;
    unsigned char *root;
};

static void *allocate(size_t length_bytes)
{
    void *memory = VirtualAlloc(NULL, length_bytes, MEM_COMMIT, PAGE_READWRITE);

    if (memory == NULL)
        fail("allocating memory");
    return memory;
}

static void open_fat16(struct fat16 *fat16, struct volume *volume)
{
    const uint32_t sector = volume->disk.logical_sector_bytes;
    unsigned char *boot = allocate(sector);

    transfer(&volume->disk, FALSE, 0, boot, sector);
    if (memcmp(boot + 54, "FAT16   ", 8) != 0) {
        fprintf(stderr, "demo_volume: the volume does not hold FAT16\n");
        exit(1);
    }
    fat16->volume = volume;
    fat16->cluster_bytes = boot[13] * sector;
    fat16->fat_bytes = (uint64_t)vdisk_load_le16(boot + 14) * sector;
    fat16->fat_length = vdisk_load_le16(boot + 22) * sector;
    fat16->root_bytes = fat16->fat_bytes + 2ull * fat16->fat_length;
    fat16->root_length = vdisk_load_le16(boot + 17) * ENTRY_BYTES;
    fat16->data_bytes = fat16->root_bytes + fat16->root_length;
    fat16->fat = allocate(fat16->fat_length);
    fat16->root = allocate(fat16->root_length);
    transfer(&volume->disk, FALSE, fat16->fat_bytes, fat16->fat, fat16->fat_length);
    transfer(&volume->disk, FALSE, fat16->root_bytes, fat16->root, fat16->root_length);
}

static uint64_t cluster_offset(const struct fat16 *fat16, uint32_t cluster)
{
    return fat16->data_bytes + (uint64_t)(cluster - 2) * fat16->cluster_bytes;
}

/* "HELLO.TXT" as a directory has it: "HELLO   TXT". */
static void make_entry_name(const wchar_t *name, char *entry_name)
{
    uint32_t at = 0;

    memset(entry_name, ' ', NAME_CHARS);
    for (; *name != 0; name++) {
        if (*name == L'.')
            at = 8;
        else if (at < NAME_CHARS)
            entry_name[at++] = (char)*name;
    }
}

static unsigned char *find_entry(const struct fat16 *fat16, const char *entry_name)
{
    for (uint32_t at = 0; at < fat16->root_length; at += ENTRY_BYTES) {
        if (entry_name == NULL ? fat16->root[at] == 0
                               : memcmp(fat16->root + at, entry_name, NAME_CHARS) == 0)
            return fat16->root + at;
    }
    fprintf(stderr, "demo_volume: the root directory has no such entry\n");
    exit(1);
}

static unsigned char *load_file(const wchar_t *path, uint32_t *length_bytes, uint32_t unit_bytes)
{
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    unsigned char *content;
    DWORD done;

    if (file == INVALID_HANDLE_VALUE)
        fail("opening the file to copy");
    *length_bytes = GetFileSize(file, NULL);
    content = allocate(*length_bytes + unit_bytes);
    if (!ReadFile(file, content, *length_bytes, &done, NULL) || done != *length_bytes)
        fail("reading the file to copy");
    CloseHandle(file);
    return content;
}

/* Puts the content into free clusters, one behind the other; returns the first. */
static uint32_t store_content(struct fat16 *fat16, const unsigned char *content,
                              uint32_t length_bytes)
{
    const uint32_t cluster_limit = fat16->fat_length / 2;
    uint32_t first = 0, previous = 0;

    for (uint32_t done = 0, cluster = 2; done < length_bytes; cluster++) {
        if (cluster >= cluster_limit) {
            fprintf(stderr, "demo_volume: the volume is full\n");
            exit(1);
        }
        if (vdisk_load_le16(fat16->fat + cluster * 2) != 0)
            continue;
        transfer(&fat16->volume->disk, TRUE, cluster_offset(fat16, cluster),
                 (void *)(content + done), fat16->cluster_bytes);
        if (first == 0)
            first = cluster;
        else
            vdisk_store_le16(fat16->fat + previous * 2, (uint16_t)cluster);
        vdisk_store_le16(fat16->fat + cluster * 2, 0xffff);
        previous = cluster;
        done += fat16->cluster_bytes;
    }
    return first;
}

static void run_put(struct volume *volume, const wchar_t *path, const wchar_t *name)
{
    struct fat16 fat16;
    char entry_name[NAME_CHARS];
    unsigned char *content, *entry;
    uint32_t length;

    open_fat16(&fat16, volume);
    content = load_file(path, &length, fat16.cluster_bytes);
    make_entry_name(name, entry_name);
    entry = find_entry(&fat16, NULL);
    memcpy(entry, entry_name, NAME_CHARS);
    entry[11] = 0x20; /* archive */
    vdisk_store_le16(entry + 24, 0x0021);
    vdisk_store_le16(entry + 26, (uint16_t)store_content(&fat16, content, length));
    vdisk_store_le32(entry + 28, length);
    transfer(&volume->disk, TRUE, fat16.fat_bytes, fat16.fat, fat16.fat_length);
    transfer(&volume->disk, TRUE, fat16.fat_bytes + fat16.fat_length, fat16.fat, fat16.fat_length);
    transfer(&volume->disk, TRUE, fat16.root_bytes, fat16.root, fat16.root_length);
    volume_flush(&volume->disk, NULL);
    printf("  %ls: %u bytes written, flushed\n", name, length);
}

static void run_get(struct volume *volume, const wchar_t *name, const wchar_t *path)
{
    struct fat16 fat16;
    char entry_name[NAME_CHARS];
    const unsigned char *entry;
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    uint32_t left, cluster;

    if (file == INVALID_HANDLE_VALUE)
        fail("making the file to copy to");
    open_fat16(&fat16, volume);
    make_entry_name(name, entry_name);
    entry = find_entry(&fat16, entry_name);
    left = vdisk_load_le32(entry + 28);
    printf("  %ls: %u bytes read\n", name, left);
    for (cluster = vdisk_load_le16(entry + 26); left != 0;
         cluster = vdisk_load_le16(fat16.fat + cluster * 2)) {
        const DWORD piece = left < fat16.cluster_bytes ? left : fat16.cluster_bytes;
        unsigned char *content = allocate(fat16.cluster_bytes);
        DWORD done;

        if (cluster < 2 || cluster >= fat16.fat_length / 2) {
            fprintf(stderr, "demo_volume: the file's chain is broken\n");
            exit(1);
        }
        transfer(&volume->disk, FALSE, cluster_offset(&fat16, cluster), content,
                 fat16.cluster_bytes);
        if (!WriteFile(file, content, piece, &done, NULL) || done != piece)
            fail("writing the file to copy to");
        VirtualFree(content, 0, MEM_RELEASE);
        left -= piece;
    }
    CloseHandle(file);
}

/* All of the volume, as it is. */
static void run_save(struct volume *volume, const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    unsigned char *content = allocate(SAVE_BYTES);
    uint64_t done = 0;
    DWORD written;

    if (file == INVALID_HANDLE_VALUE)
        fail("making the file to save to");
    while (done < volume->disk.size_bytes) {
        const uint64_t left = volume->disk.size_bytes - done;
        const DWORD piece = left < SAVE_BYTES ? (DWORD)left : SAVE_BYTES;

        transfer(&volume->disk, FALSE, done, content, piece);
        if (!WriteFile(file, content, piece, &written, NULL) || written != piece)
            fail("writing the file to save to");
        done += piece;
    }
    printf("  %llu bytes read\n", (unsigned long long)done);
    VirtualFree(content, 0, MEM_RELEASE);
    CloseHandle(file);
}

int wmain(int argument_count, wchar_t **arguments);

int wmain(int argument_count, wchar_t **arguments)
{
    struct volume volume;

    if (argument_count < 3) {
        fprintf(stderr, "usage: demo_volume ask|format|put|get|save V: ...\n");
        return 2;
    }
    open_volume(&volume, arguments[2]);
    if (wcscmp(arguments[1], L"ask") == 0 && argument_count == 3)
        run_ask(&volume);
    else if (wcscmp(arguments[1], L"format") == 0 && argument_count == 4)
        run_format(&volume, arguments[3]);
    else if (wcscmp(arguments[1], L"put") == 0 && argument_count == 5)
        run_put(&volume, arguments[3], arguments[4]);
    else if (wcscmp(arguments[1], L"get") == 0 && argument_count == 5)
        run_get(&volume, arguments[3], arguments[4]);
    else if (wcscmp(arguments[1], L"save") == 0 && argument_count == 4)
        run_save(&volume, arguments[3]);
    else
        return 2;
    CloseHandle(volume.handle);
    return 0;
}
