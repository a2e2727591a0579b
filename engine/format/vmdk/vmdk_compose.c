#include "engine/format/vmdk/vmdk_compose.h"
#include "engine/base/checked.h"
#include "engine/base/text.h"
#include "engine/format/vmdk/vmdk_descriptor.h"

#define GEOMETRY_HEADS     16u
#define GEOMETRY_SECTORS   63u
#define GEOMETRY_CYLINDERS UINT64_C(16383) /* the most that this geometry has */

static const char suffix[] = ".vmdk";

static const char *base_name(const char *path)
{
    const char *base = path;

    for (; *path != '\0'; path++) {
        if (*path == '/' || *path == '\\')
            base = path + 1;
    }
    return base;
}

static bool has_suffix(const char *name, size_t length)
{
    const size_t suffix_length = sizeof suffix - 1;

    if (length <= suffix_length)
        return false;
    for (size_t i = 0; i < suffix_length; i++) {
        const char c = name[length - suffix_length + i];

        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != suffix[i])
            return false;
    }
    return true;
}

/* The name, without its suffix. */
static void add_stem(struct vmdk_text *text, const char *file_name)
{
    const char *base = base_name(file_name);
    const size_t length = strlen(base);

    vmdk_text_add(text, base);
    if (!text->overflow && has_suffix(base, length)) {
        text->length -= sizeof suffix - 1;
        memset(text->bytes + text->length, 0, sizeof suffix - 1);
    }
}

void vmdk_text_add_extent_name(struct vmdk_text *text, const char *file_name, uint32_t number,
                               bool flat)
{
    add_stem(text, file_name);
    if (number == 0) {
        vmdk_text_add(text, "-flat.vmdk");
        return;
    }
    vmdk_text_add(text, flat ? "-f" : "-s");
    if (number < 100)
        vmdk_text_add(text, "0");
    if (number < 10)
        vmdk_text_add(text, "0");
    vmdk_text_add_number(text, number);
    vmdk_text_add(text, suffix);
}

/* The name of an extent that holds its own descriptor is read by nobody. */
static void add_extents(struct vmdk_text *text, const struct vmdk_text_disk *disk)
{
    const char *base = base_name(disk->file_name);
    uint64_t left = disk->sectors;

    for (uint32_t number = disk->split ? 1 : 0; left != 0; number++) {
        const uint64_t sectors = vdisk_min_u64(left, disk->piece_sectors);

        vmdk_text_add(text, "RW ");
        vmdk_text_add_number(text, sectors);
        vmdk_text_add(text, disk->flat ? " FLAT \"" : " SPARSE \"");
        if (disk->flat || disk->split)
            vmdk_text_add_extent_name(text, disk->file_name, number, disk->flat);
        else
            vmdk_text_add(text, vdisk_name_is_plain(base) ? base : "disk.vmdk");
        vmdk_text_add(text, disk->flat ? "\" 0\n" : "\"\n");
        left -= sectors;
    }
}

static void add_geometry(struct vmdk_text *text, uint64_t sectors)
{
    const uint64_t cylinders =
        vdisk_min_u64(sectors / (GEOMETRY_HEADS * GEOMETRY_SECTORS), GEOMETRY_CYLINDERS);

    vmdk_text_add(text, "ddb.geometry.cylinders = \"");
    vmdk_text_add_number(text, cylinders != 0 ? cylinders : 1);
    vmdk_text_add(text, "\"\nddb.geometry.heads = \"");
    vmdk_text_add_number(text, GEOMETRY_HEADS);
    vmdk_text_add(text, "\"\nddb.geometry.sectors = \"");
    vmdk_text_add_number(text, GEOMETRY_SECTORS);
    vmdk_text_add(text, "\"\nddb.adapterType = \"ide\"\n");
}

void vmdk_text_add_disk(struct vmdk_text *text, const struct vmdk_text_disk *disk)
{
    vmdk_text_add(text, "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=");
    vmdk_text_add_hex(text, disk->content_id);
    vmdk_text_add(text, "\nparentCID=");
    vmdk_text_add_hex(text, disk->parent_content_id);
    vmdk_text_add(text, "\ncreateType=\"");
    vmdk_text_add(text, disk->create_type);
    vmdk_text_add(text, "\"\n");
    if (disk->parent_content_id != VMDK_NO_PARENT) {
        vmdk_text_add(text, "parentFileNameHint=\"");
        vmdk_text_add(text, disk->parent_hint);
        vmdk_text_add(text, "\"\n");
    }
    vmdk_text_add(text, "\n# Extent description\n");
    add_extents(text, disk);
    vmdk_text_add(text, "\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\n");
    add_geometry(text, disk->sectors);
}
