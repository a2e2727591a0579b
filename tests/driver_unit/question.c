#include "tests/driver_unit/question.h"

#include <stdlib.h>
#include <string.h>

#define PATTERN 0xaa

static const uint16_t path[] = u"\\??\\C:\\disks\\disk.img";
static const uint16_t device_name[] = u"\\Device\\VirtualDisk-7";

static const struct virtualdisk_statistics statistics = {
    .version = VIRTUALDISK_ABI_VERSION,
    .requests_in_flight = 1,
    .read = {.count = 2, .bytes = 1024, .latency = {[3] = 2}},
    .trim = {.error_count = 7, .latency = {[VIRTUALDISK_LATENCY_BUCKETS - 1] = 9}},
};
static const VD_ACTIVITY activity = {
    .RequestsInFlight = 1, .UsedBytes = 4096, .Statistics = &statistics};

static void make_partition(VD_VOLUME *volume)
{
    volume->SizeBytes = QUESTION_PART_BYTES;
    volume->Window.version = VIRTUALDISK_ABI_VERSION;
    volume->Window.offset_bytes = QUESTION_OFFSET_BYTES;
    volume->Window.size_bytes = QUESTION_PART_BYTES;
    volume->Window.number = 2;
}

static void make_mbr(VD_VOLUME *volume)
{
    make_partition(volume);
    volume->Window.style = VIRTUALDISK_STYLE_MBR;
    volume->Window.mbr_signature = 0x12345678;
    volume->Window.mbr_type = 0x0c;
    volume->Window.mbr_active = 0x80;
}

static void make_gpt(VD_VOLUME *volume)
{
    static const uint16_t name[] = u"Basic data partition";

    make_partition(volume);
    volume->Window.style = VIRTUALDISK_STYLE_GPT;
    memset(volume->Window.disk_id, 0xd1, sizeof volume->Window.disk_id);
    memset(volume->Window.gpt_type, 0xa2, sizeof volume->Window.gpt_type);
    memset(volume->Window.gpt_id, 0xb3, sizeof volume->Window.gpt_id);
    volume->Window.gpt_attributes = 4; /* legacy BIOS bootable */
    memcpy(volume->Window.gpt_name, name, sizeof name);
}

static void make_cd(VD_VOLUME *volume)
{
    volume->Optical = true;
    volume->ReadOnly = true;
    volume->LogicalSectorBytes = 2048;
    volume->PhysicalSectorBytes = 2048;
    volume->DiscardBytes = 0;
}

VD_VOLUME question_volume(enum question_volume kind)
{
    VD_VOLUME volume = {.SizeBytes = QUESTION_DISK_BYTES,
                        .DiskBytes = QUESTION_DISK_BYTES,
                        .LogicalSectorBytes = 512,
                        .PhysicalSectorBytes = 4096,
                        .DiscardBytes = 65536,
                        .Number = 7,
                        .DiskNumber = 5,
                        .PartitionType = 0x06,
                        .Letter = u'V',
                        .NameBytes = sizeof device_name - sizeof(uint16_t),
                        .Path = path,
                        .PathBytes = sizeof path - sizeof(uint16_t),
                        .Format = "raw"};

    memcpy(volume.Name, device_name, sizeof device_name);
    for (uint32_t i = 0; i < VD_IDENTITY_BYTES; i++) {
        volume.Identity[i] = (uint8_t)(i + 1);
        volume.DiskIdentity[i] = (uint8_t)(0xf0 - i);
    }
    if (kind == VOLUME_MBR)
        make_mbr(&volume);
    else if (kind == VOLUME_GPT)
        make_gpt(&volume);
    else if (kind == VOLUME_CD)
        make_cd(&volume);
    return volume;
}

/* Input and output are one memory. */
static unsigned char *make_buffer(const void *input, size_t input_bytes, size_t length)
{
    unsigned char *buffer = length == 0 ? NULL : malloc(length);

    if (length != 0)
        memset(buffer, PATTERN, length);
    if (input_bytes != 0)
        memcpy(buffer, input, input_bytes);
    return buffer;
}

bool question_ask(const VD_VOLUME *volume, uint32_t code, const void *input, size_t input_bytes,
                  size_t output_bytes, struct answer *answer)
{
    const size_t length = input_bytes > output_bytes ? input_bytes : output_bytes;
    unsigned char *buffer = make_buffer(input, input_bytes, length);
    unsigned char *before = make_buffer(input, input_bytes, length);
    bool good;

    memset(answer->bytes, 0, sizeof answer->bytes);
    answer->status =
        VdIoctlAnswer(volume, &activity, code, input_bytes == 0 ? NULL : buffer, input_bytes,
                      output_bytes == 0 ? NULL : buffer, output_bytes, &answer->information);
    good = answer->information <= output_bytes;
    if (answer->status < 0 && answer->status != VD_STATUS_BUFFER_OVERFLOW)
        good = good && answer->information == 0;
    for (size_t i = answer->information; i < length && good; i++)
        good = buffer[i] == before[i] || (buffer[i] == 0 && i < output_bytes);
    if (good && answer->information != 0)
        memcpy(answer->bytes, buffer,
               answer->information < sizeof answer->bytes ? answer->information
                                                          : sizeof answer->bytes);
    free(buffer);
    free(before);
    return good;
}
