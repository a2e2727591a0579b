/* The descriptor of a VMDK: what was parsed keeps its promises, and can be changed. */
#include "engine/format/vmdk/vmdk_descriptor.h"
#include "engine/base/text.h"
#include "engine/format/vmdk/vmdk_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void examine(const struct vmdk_descriptor *descriptor)
{
    uint64_t sum = 0;

    require(descriptor->extent_count <= VMDK_EXTENTS_MAX);
    for (uint32_t i = 0; i < descriptor->extent_count; i++) {
        const struct vmdk_extent_line *line = &descriptor->extents[i];

        require((line->name == NULL) == (line->type == VMDK_TYPE_ZERO));
        require(line->name == NULL || vdisk_name_is_plain(line->name));
        require(line->sectors != 0);
        sum += line->sectors;
    }
    require(sum == descriptor->sectors && sum <= INT64_MAX / 512);
}

/* A text that was good stays good with another CID, which is then the one that is read. */
static void change(const uint8_t *data, uint32_t length_bytes)
{
    struct vmdk_text text = {.bytes = vdisk_alloc(VMDK_TEXT_BYTES_MAX),
                             .room_bytes = VMDK_TEXT_BYTES_MAX};
    struct vmdk_descriptor *descriptor;

    require(text.bytes != NULL);
    memcpy(text.bytes, data, length_bytes);
    text.length = (uint32_t)strlen(text.bytes);
    if (vmdk_text_set(&text, "CID", "89abcdef", "version")) {
        require(strlen(text.bytes) == text.length);
        require(vmdk_descriptor_parse(text.bytes, text.length, "", 0, &descriptor, NULL) ==
                VDISK_OK);
        vmdk_descriptor_free(descriptor);
    }
    vdisk_free(text.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    const uint32_t length = (uint32_t)(length_bytes < 60000 ? length_bytes : 60000);
    struct vmdk_descriptor *descriptor;

    vmdk_descriptor_probe(data, length);
    if (vmdk_descriptor_parse((const char *)data, length, "", 0, &descriptor, NULL) != VDISK_OK)
        return 0;
    examine(descriptor);
    vmdk_descriptor_free(descriptor);
    change(data, length);
    return 0;
}
