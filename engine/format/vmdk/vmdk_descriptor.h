/*
 * The descriptor of a VMDK (section "The Descriptor File"): lines of text, ended by LF or CRLF.
 *
 *   # a comment
 *   key = value          keys in any case; the value may be in quotes
 *   RW 4192256 SPARSE "disk-s001.vmdk" [first sector]
 *
 * It comes from anyone: at most 64 KiB, 512 extents, and names that stay beside the descriptor.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_DESCRIPTOR_H
#define VIRTUALDISK_ENGINE_VMDK_DESCRIPTOR_H

#include "virtualdisk/image.h"

#define VMDK_TEXT_BYTES_MAX UINT32_C(65536)
#define VMDK_EXTENTS_MAX    512u
#define VMDK_NO_PARENT      UINT32_MAX /* parentCID of an image without one */

enum vmdk_extent_type {
    VMDK_TYPE_FLAT,
    VMDK_TYPE_ZERO,
    VMDK_TYPE_SPARSE,
    VMDK_TYPE_VMFS, /* flat, on ESXi */
    VMDK_TYPE_VMFSSPARSE,
    VMDK_TYPE_SESPARSE
};

struct vmdk_extent_line {
    enum vmdk_extent_type type;
    bool read_only;
    uint64_t sectors;
    uint64_t file_sector; /* FLAT and VMFS: where in the file the extent begins */
    const char *name;     /* NULL for ZERO */
};

struct vmdk_descriptor {
    uint32_t content_id;
    uint32_t parent_content_id; /* VMDK_NO_PARENT: no parent */
    const char *create_type;    /* "" when there is none */
    const char *parent_hint;    /* NULL when there is none */
    uint32_t extent_count;
    uint64_t sectors; /* of all extents */
    struct vmdk_extent_line *extents;
    char *strings; /* what the pointers above point into */
};

/*
 * Parses the text, up to text_bytes or its first NUL. `offset_bytes` is where the text lies in the
 * file: errors name the line. Free the result with vmdk_descriptor_free.
 */
enum vdisk_status vmdk_descriptor_parse(const char *text, uint32_t text_bytes,
                                        const char *file_name, uint64_t offset_bytes,
                                        struct vmdk_descriptor **descriptor,
                                        struct vdisk_error *error);

/* NULL is allowed. */
void vmdk_descriptor_free(struct vmdk_descriptor *descriptor);

/* Does a file begin like a descriptor? */
bool vmdk_descriptor_probe(const unsigned char *head, uint32_t head_bytes);

/* A new content id: not the one that says "no parent", and not this one. */
uint32_t vmdk_content_id(uint32_t other);

#endif
