/*
 * Device control requests and trims. Whatever the request and the volume: no byte too many, no
 * length beyond the buffer, nothing behind the answer, and a trim lies inside the volume.
 *
 * The first bytes choose the volume, its facts, the code and the room for the answer; the rest is
 * the input.
 */
#include "driver/trim.h"
#include "engine/base/endian.h"
#include "tests/driver_unit/question.h"

#include <stdlib.h>

#define HEAD_BYTES  16u
#define INPUT_MAX   256u
#define OUTPUT_MAX  2048u
#define RANGE_COUNT 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

/* Facts that a volume may have, if not together; its parts stay inside the disk. */
static VD_VOLUME make_volume(const uint8_t *head)
{
    VD_VOLUME volume = question_volume(head[0] % VOLUME_KINDS);

    volume.Flags = head[1];
    volume.ReadOnly = volume.ReadOnly || (head[0] & 4) != 0;
    volume.DiscardBytes = (head[0] & 8) != 0 ? 0 : volume.DiscardBytes;
    volume.Letter = (head[0] & 16) != 0 ? 0 : volume.Letter;
    if ((head[0] & 32) != 0 && volume.Window.style == VIRTUALDISK_STYLE_NONE) {
        volume.SizeBytes = (uint64_t)vdisk_load_le32(head + 8) * volume.LogicalSectorBytes +
                           volume.LogicalSectorBytes;
        volume.DiskBytes = volume.SizeBytes;
    }
    return volume;
}

/* Half of the codes are those of the device types that matter. */
static uint32_t choose_code(const uint8_t *head)
{
    static const uint16_t types[] = {0x02, 0x07, 0x2d, 0x4d, 0x56, 0x8d31};

    return (uint32_t)types[head[2] % 6] << 16 | (vdisk_load_le16(head + 4) & 0xfffcu);
}

static void trim(const VD_VOLUME *volume, const uint8_t *data, size_t length_bytes)
{
    uint8_t *input = length_bytes == 0 ? NULL : malloc(length_bytes);
    uint64_t offset, length;
    VD_TRIM parsed;

    if (length_bytes != 0)
        memcpy(input, data, length_bytes);
    if (VdTrimParse(volume, input, length_bytes, &parsed) != VD_STATUS_SUCCESS)
        parsed.RangeCount = 0;
    for (uint32_t i = 0; i < parsed.RangeCount && i < RANGE_COUNT; i++) {
        if (VdTrimRange(volume, &parsed, i, &offset, &length) == VD_STATUS_SUCCESS)
            require(offset <= volume->SizeBytes && length <= volume->SizeBytes - offset &&
                    (offset | length) % volume->LogicalSectorBytes == 0);
    }
    free(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    uint8_t head[HEAD_BYTES] = {0};
    struct answer answer;
    VD_VOLUME volume;

    memcpy(head, data, length_bytes < HEAD_BYTES ? length_bytes : HEAD_BYTES);
    data += length_bytes < HEAD_BYTES ? length_bytes : HEAD_BYTES;
    length_bytes -= length_bytes < HEAD_BYTES ? length_bytes : HEAD_BYTES;
    if (length_bytes > INPUT_MAX)
        length_bytes = INPUT_MAX;
    volume = make_volume(head);
    require(question_ask(&volume, choose_code(head), data, length_bytes,
                         vdisk_load_le16(head + 6) % (OUTPUT_MAX + 1), &answer));
    trim(&volume, data, length_bytes);
    return 0;
}
