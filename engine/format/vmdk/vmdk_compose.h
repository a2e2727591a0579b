/* The text of a new descriptor. */
#ifndef VIRTUALDISK_ENGINE_VMDK_COMPOSE_H
#define VIRTUALDISK_ENGINE_VMDK_COMPOSE_H

#include "engine/format/vmdk/vmdk_text.h"

struct vmdk_text_disk {
    const char *create_type;
    const char *file_name; /* of the descriptor, with its path */
    uint64_t sectors;
    uint64_t piece_sectors; /* of one extent; the last may be smaller */
    bool flat;
    bool split;
    uint32_t content_id;
    uint32_t parent_content_id; /* VMDK_NO_PARENT: no parent */
    const char *parent_hint;
};

void vmdk_text_add_disk(struct vmdk_text *text, const struct vmdk_text_disk *disk);

/*
 * The name of an extent: that of the descriptor's file without its path and ".vmdk", then "-flat",
 * or (number not 0) "-f001" or "-s001".
 */
void vmdk_text_add_extent_name(struct vmdk_text *text, const char *file_name, uint32_t number,
                               bool flat);

#endif
