/* make_filesystem KIND FILE BYTES SECTOR-BYTES: a new raw image with an empty file system. */
#include "virtualdisk/filesystem.h"
#include "virtualdisk/host.h"

#include <stdio.h>
#include <stdlib.h>

static enum vdisk_status make(const char *kind, const char *path, uint64_t size_bytes,
                              uint32_t sector_bytes, struct vdisk_error *error)
{
    const struct vdisk_create_options create = {.format = "raw", .size_bytes = size_bytes};
    const struct vdisk_open_options open = {.format = "raw"};
    struct vdisk_file *file;
    struct vdisk_image *image;
    enum vdisk_status status = vdisk_host_open(path, VDISK_OPEN_CREATE, &file, error);

    if (status == VDISK_OK)
        status = vdisk_image_create(file, &create, error);
    if (status == VDISK_OK)
        status = vdisk_image_open(file, &open, &image, error);
    if (status != VDISK_OK)
        return status;
    vdisk_image_disk(image)->logical_sector_bytes = sector_bytes;
    status = vdisk_filesystem_make(vdisk_image_disk(image), kind, "LABEL", error);
    if (status != VDISK_OK) {
        vdisk_image_close(image, NULL);
        return status;
    }
    return vdisk_image_close(image, error);
}

int main(int argument_count, char **arguments)
{
    struct vdisk_error error = {0};

    if (argument_count != 5)
        return 2;
    if (make(arguments[1], arguments[2], strtoull(arguments[3], NULL, 10),
             (uint32_t)strtoul(arguments[4], NULL, 10), &error) == VDISK_OK)
        return 0;
    fprintf(stderr, "%s: %s\n", vdisk_status_name(error.status),
            error.reason != NULL ? error.reason : "");
    return 1;
}
